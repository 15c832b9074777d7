CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  hour_of_day AS HOUR(TO_TIMESTAMP_LTZ(ms, 3)),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
-- Both queries want clicks, so nothing else is logged; what can fail stays in its query.
CREATE TABLE a (campaign_id BIGINT, n BIGINT) WITH ('connector' = 'print');
CREATE TABLE b (id STRING) WITH ('connector' = 'print');
CREATE VIEW clicks AS SELECT * FROM ev WHERE kind = 'click' AND 10 / campaign_id > 1;
INSERT INTO a SELECT campaign_id, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
WHERE price > 1 GROUP BY campaign_id, window_start, window_end;
INSERT INTO b SELECT id FROM ev WHERE price > 2 AND kind = 'click';
