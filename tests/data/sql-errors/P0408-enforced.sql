CREATE TABLE t (a INT, b INT PRIMARY KEY, PRIMARY KEY (a)) WITH ('connector' = 'print');
