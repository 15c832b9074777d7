CREATE TABLE t (a DECIMAL(39, 2), b DECIMAL(3, 4), c VARCHAR(0), d TIMESTAMP(10)) WITH ('connector' = 'print');
