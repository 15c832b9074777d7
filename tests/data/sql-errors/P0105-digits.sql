CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json');
CREATE TABLE o (x DECIMAL(38, 18)) WITH ('connector' = 'print');
INSERT INTO o SELECT a * 12345678901234567890.123 FROM t WHERE a > 9.223372036854775807;
