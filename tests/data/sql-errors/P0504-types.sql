CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
CREATE TABLE counts (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');
CREATE TABLE t (a TIMESTAMP(9), b TIME(3), c MULTISET<INT>, f INT ARRAY, d VARIANT, e TIMESTAMP(3) WITH TIME ZONE) WITH ('connector' = 'print');
CREATE VIEW v AS SELECT geo, tags[1] AS t, ARRAY[1, 2] AS u, (1, 2) AS w FROM ev;
CREATE TABLE o3 (g ROW<a INT>) WITH ('connector' = 'print');
INSERT INTO o3 SELECT geo FROM ev;
