CREATE TABLE t (a INT, b AS a + 1, PRIMARY KEY (b, c) NOT ENFORCED) WITH ('connector' = 'print');
