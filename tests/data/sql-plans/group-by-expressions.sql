CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  hour_of_day AS HOUR(TO_TIMESTAMP_LTZ(ms, 3)),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
-- Keys and arguments are projected below the window; equal aggregates are one; COUNT(1) is COUNT(*).
CREATE TABLE a (k STRING, h BIGINT, n BIGINT, m BIGINT, share DOUBLE, w TIMESTAMP_LTZ(3)) WITH ('connector' = 'print');
INSERT INTO a
SELECT LOWER(kind) || '!', MOD(campaign_id, 2), COUNT(1), COUNT(id), CAST(COUNT(*) AS DOUBLE) / NULLIF(COUNT(id), 0), window_time
FROM TABLE(TUMBLE(DATA => TABLE ev, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR, `OFFSET` => INTERVAL '15' MINUTE))
GROUP BY LOWER(kind), MOD(campaign_id, 2), window_start, window_end, window_time
HAVING COUNT(*) > 3 AND AVG(price) > 0.5 AND LOWER(kind) <> 'x';
