CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
CREATE TABLE counts (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');
CREATE VIEW a AS SELECT JSON_VALUE(id, '$.a' RETURNING INT) AS x, CURRENT_TIMESTAMP AS y, PROCTIME() AS z, CARDINALITY(tags) AS w, UUID() AS u, id SIMILAR TO 'a' AS s FROM ev;
CREATE VIEW b AS SELECT window_end, LISTAGG(id) AS l, STDDEV_POP(price) AS d, APPROX_COUNT_DISTINCT(id) AS c FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
