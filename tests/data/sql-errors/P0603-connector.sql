CREATE TABLE a (x INT) WITH ('connector' = 'kafka', 'topic' = 't');
CREATE TABLE b (x INT) WITH ('connector' = 'rediss');
