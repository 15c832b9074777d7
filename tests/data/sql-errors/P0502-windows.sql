CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
CREATE TABLE counts (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');
CREATE VIEW a AS SELECT campaign_id, window_end, COUNT(*) AS n FROM TABLE(CUMULATE(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '1' HOUR)) GROUP BY campaign_id, window_start, window_end;
CREATE VIEW b AS SELECT campaign_id, COUNT(*) AS n FROM TABLE(SESSION(TABLE ev PARTITION BY campaign_id, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY campaign_id, window_start, window_end;
CREATE VIEW c AS SELECT campaign_id, COUNT(*) AS n FROM ev GROUP BY campaign_id, TUMBLE(ts, INTERVAL '1' MINUTE);
CREATE VIEW d AS SELECT window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, GROUPING SETS ((campaign_id), ());
CREATE VIEW e AS SELECT window_end, COUNT(DISTINCT id) AS n FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
CREATE VIEW f AS SELECT window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) WHERE window_start > TIMESTAMP '2024-01-01 00:00:00' GROUP BY window_start, window_end;
INSERT INTO counts SELECT campaign_id, window_end, ms FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE));
CREATE VIEW g AS SELECT window_end, window_time, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, window_time;
CREATE VIEW h AS SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE g, DESCRIPTOR(window_time), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;
