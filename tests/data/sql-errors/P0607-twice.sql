CREATE TABLE a (x INT) WITH ('connector' = 'print', 'connector' = 'print');
