CREATE TABLE t (a INT) PARTITIONED BY (a) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json');
CREATE TABLE u LIKE t;
CREATE TABLE v WITH ('connector' = 'print') AS SELECT 1;
CREATE TABLE w (a INT) WITH ('connector' = 'print') LIKE t;
CREATE TABLE x (a INT UNIQUE) DISTRIBUTED BY (a) INTO 4 BUCKETS WITH ('connector' = 'print');
