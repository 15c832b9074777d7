-- The source of the click jobs: events of an ad server, sent by Flume agents.
--
--     weir run ad-events.sql click-through.sql click-fraud.sql
--
-- Point the agents' avro sinks at port 4141 (packaging/flume has whole agent configurations). Bodies are bare Avro data of
-- the schema below; agents that send JSON lines take 'format' = 'json' instead of the two avro options.

SET 'table.local-time-zone' = 'UTC';
SET 'table.exec.sink.upsert-materialize' = 'NONE';
-- How long results may be gathered before they leave for Redis.
SET 'table.exec.mini-batch.allow-latency' = '30 s';

CREATE TABLE ad_events (
  event_id STRING,
  event_type STRING,
  campaign_id BIGINT,
  ad_id BIGINT,
  user_id STRING,
  ip STRING,
  event_ms BIGINT,
  ts AS TO_TIMESTAMP_LTZ(event_ms, 3),
  WATERMARK FOR ts AS ts - INTERVAL '30' SECOND
) WITH (
  'connector' = 'flume',
  'listen' = '0.0.0.0:4141',
  'format' = 'avro',
  'avro.schema-file' = '../../schemas/events/ad_event.avsc',
  -- Rows that an agent sends again are recognised by their id.
  'dedup.key' = 'event_id'
);
