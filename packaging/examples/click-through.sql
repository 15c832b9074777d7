-- Click-through rate of the last hour for each campaign, refreshed every five minutes. Needs ad-events.sql.
--
-- In Redis: one hash a campaign, always the newest complete window.
--
--     redis-cli HGETALL 'weir:{ctr:42}'

CREATE TABLE ctr (
  campaign_id BIGINT,
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  impressions BIGINT,
  clicks BIGINT,
  ctr DOUBLE,
  PRIMARY KEY (campaign_id) NOT ENFORCED
) WITH (
  'connector' = 'redis',
  'url' = 'redis://127.0.0.1:6379/0',
  'ttl' = '2 h'
);

INSERT INTO ctr
SELECT campaign_id, window_start, window_end,
       COUNT(*) FILTER (WHERE event_type = 'impression'),
       COUNT(*) FILTER (WHERE event_type = 'click'),
       CAST(COUNT(*) FILTER (WHERE event_type = 'click') AS DOUBLE)
         / NULLIF(COUNT(*) FILTER (WHERE event_type = 'impression'), 0)
FROM TABLE(HOP(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '1' HOUR))
WHERE event_type IN ('impression', 'click')
GROUP BY campaign_id, window_start, window_end;
