CREATE TABLE ev (
  id STRING, kind STRING, campaign_id BIGINT, amount DECIMAL(12, 2), price DOUBLE, ms BIGINT,
  geo ROW<country STRING, city ROW<name STRING, zip INT>>, tags ARRAY<STRING>,
  headers MAP<STRING, STRING> METADATA,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  hour_of_day AS HOUR(TO_TIMESTAMP_LTZ(ms, 3)),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'json');
-- Fields of rows and single headers are columns of their own.
CREATE TABLE places (host STRING, country STRING, zip INT, hour_of_day BIGINT) WITH ('connector' = 'print');
CREATE VIEW v AS SELECT geo, headers AS h, e.hour_of_day FROM ev AS e WHERE e.geo.country <> 'x';
INSERT INTO places SELECT h['host'], geo.country, v.geo.city.zip, hour_of_day FROM v WHERE h['host'] IS NOT NULL;
