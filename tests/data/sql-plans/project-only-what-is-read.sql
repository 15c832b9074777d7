-- Nothing but `kind` is decoded, though the view names more.
CREATE TABLE ev (id STRING, kind STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json');
CREATE TABLE kinds (kind STRING) WITH ('connector' = 'print');
CREATE VIEW upper_kinds (k, i, twice) AS SELECT UPPER(kind), id, n + n FROM ev;
INSERT INTO kinds SELECT k FROM upper_kinds;
