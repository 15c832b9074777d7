CREATE TABLE t (s STRING) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json');
CREATE TABLE o (x STRING) WITH ('connector' = 'print');
INSERT INTO o SELECT (s FROM t;
