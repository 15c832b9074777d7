CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT, proc AS PROCTIME(),
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
CREATE TABLE counts (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');
-- Declaring it is fine, and so is passing it over with `*`; using it is not.
CREATE VIEW v AS SELECT * FROM ev;
CREATE VIEW w AS SELECT proc FROM v;
CREATE TABLE p (x INT, proc AS PROCTIME()) WITH ('connector' = 'filesystem', 'path' = 'p', 'format' = 'json');
CREATE TABLE o4 (x INT, proc TIMESTAMP_LTZ(3)) WITH ('connector' = 'print');
INSERT INTO o4 SELECT q.* FROM (SELECT * FROM p) AS q;
INSERT INTO counts SELECT campaign_id, ts, ms FROM v;
