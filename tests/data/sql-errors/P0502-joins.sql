CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
CREATE TABLE counts (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');
CREATE VIEW a AS SELECT e.id FROM ev AS e LEFT JOIN ev AS f ON e.id = f.id;
CREATE VIEW b AS SELECT id FROM ev, ev AS f;
CREATE VIEW c AS SELECT e.id FROM ev AS e CROSS JOIN UNNEST(e.tags) AS t (tag);
CREATE VIEW d AS SELECT e.id FROM ev AS e JOIN ev FOR SYSTEM_TIME AS OF e.ts AS f ON e.id = f.id;
