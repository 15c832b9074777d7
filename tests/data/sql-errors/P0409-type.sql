CREATE TABLE t (ms BIGINT, ts TIMESTAMP(3), WATERMARK FOR ms AS ms - 5) WITH ('connector' = 'print');
