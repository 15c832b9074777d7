CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  hour_of_day AS HOUR(TO_TIMESTAMP_LTZ(ms, 3)),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
-- SUM and MAX of the subquery are not read, and so are neither kept nor their arguments decoded.
CREATE TABLE a (campaign_id BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO a
SELECT c, n FROM (
  SELECT campaign_id AS c, COUNT(*) AS n, SUM(amount) AS total, MAX(price) AS most, window_end
  FROM TABLE(HOP(TABLE ev, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '1' MINUTE))
  GROUP BY campaign_id, window_start, window_end)
WHERE n > 2;
