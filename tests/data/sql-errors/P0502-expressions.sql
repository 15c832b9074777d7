CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
CREATE TABLE counts (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');
CREATE VIEW a AS SELECT CASE ms WHEN 1, 2 THEN 'x' END AS x FROM ev;
CREATE VIEW b AS SELECT ts + INTERVAL ms SECOND AS x FROM ev;
CREATE VIEW c AS SELECT id FROM ev WHERE ms BETWEEN SYMMETRIC 3 AND 1;
CREATE VIEW d AS SELECT id FROM ev WHERE EXISTS (SELECT 1 FROM ev);
CREATE VIEW e AS SELECT id FROM ev WHERE ms = ANY (SELECT ms FROM ev);
CREATE VIEW f AS SELECT (SELECT MAX(ms) FROM ev) AS x FROM ev;
