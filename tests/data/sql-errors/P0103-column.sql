CREATE TABLE t (
	a INT,
	b INT c INT
) WITH ('connector' = 'print');
