-- about: One row per pair of exports of one node, one of them without times: how many of the first 500 conversations of
-- about: one export are in the other between the same sockets with at least as many packets, and the correlation of
-- about: their order (Pearson, by line). It decides whether two exports are of the same packets where times cannot.
-- grain: pair of exports
-- key: capture_id, other_id
-- stage: ingest
-- store: no
WITH sockets AS (
  SELECT
    capture_id, protocol, lower_ip, lower_port, upper_ip, upper_port,
    MIN(first_line) AS line_of_first_packet,
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
  SELECT s.*, ROW_NUMBER() OVER (PARTITION BY capture_id ORDER BY line_of_first_packet) AS position FROM sockets AS s
),
samples AS (
  SELECT n.*, COUNT(*) OVER (PARTITION BY capture_id) AS sample_count FROM numbered AS n WHERE position <= 500
)
SELECT
  s.capture_id,
  o.capture_id AS other_id,
  COUNT(*) AS matching_count,
  MAX(s.sample_count) AS sample_count,
  CORR(s.line_of_first_packet, o.line_of_first_packet) AS order_correlation
FROM samples AS s
INNER JOIN sockets AS o
  ON o.protocol = s.protocol AND o.lower_ip = s.lower_ip AND o.lower_port = s.lower_port AND o.upper_ip = s.upper_ip
  AND o.upper_port = s.upper_port AND o.capture_id <> s.capture_id
  AND o.lower_packets >= s.lower_packets AND o.upper_packets >= s.upper_packets
INNER JOIN timed AS t ON t.capture_id = s.capture_id
INNER JOIN timed AS u ON u.capture_id = o.capture_id
WHERE NOT (t.has_times AND u.has_times)
GROUP BY s.capture_id, o.capture_id
