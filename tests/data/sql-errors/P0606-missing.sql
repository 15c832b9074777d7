CREATE TABLE a (x INT) WITH ('connector' = 'redis');
CREATE TABLE b (x INT);
