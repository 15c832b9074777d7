CREATE TABLE t (
  a INT,
  name STRING METADATA FROM 'file.name'
) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json', 'source.path.regex-pattern' = '.*[.]json');
CREATE TABLE o (a INT) WITH ('connector' = 'print');
INSERT INTO o SELECT a FROM t;
