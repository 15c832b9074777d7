CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  hour_of_day AS HOUR(TO_TIMESTAMP_LTZ(ms, 3)),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
-- Equal windows of two INSERTs are one operator.
SET 'table.exec.mini-batch.allow-latency' = '5 s';
CREATE TABLE a (campaign_id BIGINT, n BIGINT) WITH ('connector' = 'print');
CREATE TABLE b (n BIGINT) WITH ('connector' = 'print');
CREATE TEMPORARY VIEW counts AS
SELECT campaign_id, COUNT(*) AS n FROM TABLE(HOP(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE))
GROUP BY campaign_id, window_start, window_end;
EXECUTE STATEMENT SET BEGIN
  INSERT INTO a SELECT * FROM counts;
  INSERT INTO b SELECT n FROM counts WHERE n >= 10;
END;
