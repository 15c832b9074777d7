CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  hour_of_day AS HOUR(TO_TIMESTAMP_LTZ(ms, 3)),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
-- Columns that the INSERT does not list are NULL; silent conversions are casts; NOT NULL is required.
CREATE TABLE a (
  x DOUBLE, note STRING, d DECIMAL(5, 1), short VARCHAR(3), seen TIMESTAMP(3), k BIGINT NOT NULL, twice AS x + x,
  PRIMARY KEY (k, short) NOT ENFORCED
) WITH ('connector' = 'redis', 'url' = 'redis://127.0.0.1/0', 'ttl' = '90 s');
INSERT INTO a (short, k, seen, d, x) SELECT kind, campaign_id, ts, amount, campaign_id FROM ev;
