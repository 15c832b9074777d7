CREATE TABLE lines (line STRING, again BYTES, headers MAP<STRING, STRING> METADATA, n AS CHAR_LENGTH(line))
WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'raw');
CREATE TABLE o (line STRING) WITH ('connector' = 'print');
INSERT INTO o SELECT line FROM lines;
