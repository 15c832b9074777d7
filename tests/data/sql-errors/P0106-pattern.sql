CREATE TABLE t (s STRING, ts TIMESTAMP(3)) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json');
CREATE TABLE o (x BOOLEAN, y STRING) WITH ('connector' = 'print');
CREATE VIEW v AS SELECT s LIKE 'a!b' ESCAPE '!' AS odd, s FROM t;
INSERT INTO o
SELECT REGEXP(UPPER(s), '(a|b'), REGEXP_REPLACE(s, '[' || 'a', 'x') FROM t WHERE s LIKE '100\%';
INSERT INTO o SELECT s = 'x', DATE_FORMAT(ts, 'yyyy-bb') FROM t WHERE TO_TIMESTAMP(s, s) > ts;
INSERT INTO o SELECT odd, s FROM v;
INSERT INTO o SELECT s = 'x', DECODE(ENCODE(s, 'UTF-8'), 'EBCDIC') FROM t;
