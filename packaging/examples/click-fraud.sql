-- Click fraud: addresses and users that click too often. Needs ad-events.sql.
--
-- In Redis: a stream of alerts, and a hash for each suspect that an ad server can look up before it bills a click.
--
--     redis-cli XREVRANGE 'weir:{click_alerts}' + - COUNT 10
--     redis-cli HGETALL 'weir:{click_suspects:address:203.0.113.9}'

CREATE TABLE click_alerts (
  rule STRING,
  subject STRING,
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  clicks BIGINT
) WITH (
  'connector' = 'redis',
  'url' = 'redis://127.0.0.1:6379/0',
  'ttl' = '24 h'
);

CREATE TABLE click_suspects (
  rule STRING,
  subject STRING,
  window_end TIMESTAMP(3),
  clicks BIGINT,
  PRIMARY KEY (rule, subject) NOT ENFORCED
) WITH (
  'connector' = 'redis',
  'url' = 'redis://127.0.0.1:6379/0',
  'ttl' = '1 h'
);

CREATE TEMPORARY VIEW clicks AS
SELECT ip, user_id, ts FROM ad_events WHERE event_type = 'click';

-- Five clicks from one address within five minutes, whoever the users are.
CREATE TEMPORARY VIEW address_velocity AS
SELECT 'address' AS rule, ip AS subject, window_start, window_end, COUNT(*) AS clicks
FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE))
GROUP BY ip, window_start, window_end
HAVING COUNT(*) >= 5;

-- Five clicks of one user within five minutes, from whatever addresses.
CREATE TEMPORARY VIEW user_velocity AS
SELECT 'user' AS rule, user_id AS subject, window_start, window_end, COUNT(*) AS clicks
FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE))
GROUP BY user_id, window_start, window_end
HAVING COUNT(*) >= 5;

EXECUTE STATEMENT SET BEGIN
  INSERT INTO click_alerts SELECT rule, subject, window_start, window_end, clicks FROM address_velocity;
  INSERT INTO click_alerts SELECT rule, subject, window_start, window_end, clicks FROM user_velocity;
  INSERT INTO click_suspects SELECT rule, subject, window_end, clicks FROM address_velocity;
  INSERT INTO click_suspects SELECT rule, subject, window_end, clicks FROM user_velocity;
END;
