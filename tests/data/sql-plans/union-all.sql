-- Columns of branches take their common type; the rowtime stays one, so a window may stand on it.
CREATE TABLE web (u STRING, n INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = 'web', 'format' = 'json');
CREATE TABLE app (u CHAR(8), n BIGINT, spare STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '0.5' SECOND) WITH ('connector' = 'filesystem', 'path' = 'app', 'format' = 'json');
CREATE TABLE a (u STRING, n BIGINT) WITH ('connector' = 'print');
CREATE VIEW uses AS SELECT u, n, ts FROM web WHERE n > 0 UNION ALL SELECT u, n, ts FROM app UNION ALL SELECT 'x', 1, ts FROM app;
INSERT INTO a SELECT u, SUM(n) FROM TABLE(TUMBLE(TABLE uses, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY u, window_start, window_end;
