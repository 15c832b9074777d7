CREATE TABLE t (
	a	INT,
	näme		STRIN
) WITH ('connector' = 'print');
