-- about: Two exports of one node, one of which has no times: how many of the first conversations of the one are in the
-- about: other between the same sockets with at least as many packets, and whether they come in the same order.
-- grain: pair of exports
-- key: capture_id, other_id
-- stage: ingest
-- store: no
WITH sockets AS (
  SELECT
    capture_id, protocol, lower_ip, lower_port, upper_ip, upper_port,
    MIN(first_line) AS place,
    CAST(SUM(lower_packets) AS BIGINT) AS lower_packets,
    CAST(SUM(upper_packets) AS BIGINT) AS upper_packets
  FROM conversations
  WHERE lower_port IS NOT NULL AND upper_port IS NOT NULL
  GROUP BY capture_id, protocol, lower_ip, lower_port, upper_ip, upper_port
),
timed AS (
  SELECT capture_id, COUNT(start_us) > 0 AS has_times FROM conversations GROUP BY capture_id
),
numbered AS (
  SELECT s.*, ROW_NUMBER() OVER (PARTITION BY capture_id ORDER BY place) AS number FROM sockets AS s
),
firsts AS (
  SELECT n.*, COUNT(*) OVER (PARTITION BY capture_id) AS sample_count FROM numbered AS n WHERE number <= 500
)
SELECT
  f.capture_id,
  o.capture_id AS other_id,
  COUNT(*) AS matching_count,
  MAX(f.sample_count) AS sample_count,
  CORR(f.place, o.place) AS order_correlation
FROM firsts AS f
INNER JOIN sockets AS o
  ON o.protocol = f.protocol AND o.lower_ip = f.lower_ip AND o.lower_port = f.lower_port AND o.upper_ip = f.upper_ip
  AND o.upper_port = f.upper_port AND o.capture_id <> f.capture_id
  AND o.lower_packets >= f.lower_packets AND o.upper_packets >= f.upper_packets
INNER JOIN timed AS t ON t.capture_id = f.capture_id
INNER JOIN timed AS u ON u.capture_id = o.capture_id
WHERE NOT (t.has_times AND u.has_times)
GROUP BY f.capture_id, o.capture_id
