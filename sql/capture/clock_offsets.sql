-- about: One row per pair of nodes that captured the same packets: how far apart their clocks are. A packet on both
-- about: nodes (same sockets, and same SYN timestamp, sequence number or IP id) shows offset plus transit time; its
-- about: answer shows offset minus transit time. Half of their sum is the offset alone, as in NTP (RFC 5905). The
-- about: median of the tenth of samples with the shortest round trip counts (the lower envelope: queues only add
-- about: delay), of five samples at least. About 100,000 of a run's connections are compared.
-- grain: pair of nodes
-- key: node, other_node
-- column: node VARCHAR First node of the pair.
-- column: other_node VARCHAR Second node, later in the alphabet.
-- column: offset_us BIGINT How far the second node's clock is ahead of the first's; negative if it is behind.
-- column: spread_us BIGINT Range of the middle 90 % of samples; large where a clock moved during the capture.
-- column: round_trip_us BIGINT Shortest round trip; the offset is off by at most half of it. NULL without an answer on both nodes.
-- column: sample_count BIGINT Packets that both nodes captured.
WITH sampling AS (
  SELECT CAST(1 + floor(CAST(COUNT(*) AS DOUBLE) / 100000) AS BIGINT) AS one_in
  FROM all_conversations
  WHERE lower_port IS NOT NULL AND upper_port IS NOT NULL
),
first_packets AS (
  SELECT
    s.node, s.protocol, s.src_ip, s.src_port, s.dst_ip, s.dst_port, s.start_us AS request_us,
    COALESCE(s.tcp_tsval, s.tcp_isn, s.first_ip_id) AS packet_identity,
    CASE
      WHEN s.protocol = 'tcp' THEN s.synack_us
      WHEN s.packet_count = 1 AND s.reply_packet_count = 1 THEN s.end_us
    END AS answer_us
  FROM directed_flows AS s
  CROSS JOIN sampling AS r
  WHERE s.start_us IS NOT NULL AND COALESCE(s.tcp_tsval, s.tcp_isn, s.first_ip_id, 0) > 0 AND s.src_port % r.one_in = 0
),
samples AS (
  SELECT
    a.node,
    b.node AS other_node,
    CASE WHEN a.answer_us IS NULL OR b.answer_us IS NULL THEN CAST(b.request_us - a.request_us AS DOUBLE)
      ELSE CAST(b.request_us - a.request_us - a.answer_us + b.answer_us AS DOUBLE) / 2 END AS offset_us,
    abs(b.request_us - a.request_us + a.answer_us - b.answer_us) AS round_trip_us
  FROM first_packets AS a
  INNER JOIN first_packets AS b
    ON b.protocol = a.protocol AND b.src_ip = a.src_ip AND b.src_port = a.src_port AND b.dst_ip = a.dst_ip
    AND b.dst_port = a.dst_port AND b.packet_identity = a.packet_identity AND b.node > a.node
),
ordered AS (
  SELECT
    s.*,
    cume_dist() OVER (PARTITION BY node, other_node ORDER BY round_trip_us NULLS LAST) AS round_trip_fraction,
    ROW_NUMBER() OVER (PARTITION BY node, other_node ORDER BY round_trip_us NULLS LAST, offset_us NULLS LAST) AS position
  FROM samples AS s
)
SELECT
  node,
  other_node,
  CAST(round(median(offset_us) FILTER (WHERE round_trip_fraction <= 0.1 OR position <= 5)) AS BIGINT) AS offset_us,
  CAST(round(quantile_cont(offset_us, 0.95) - quantile_cont(offset_us, 0.05)) AS BIGINT) AS spread_us,
  MIN(round_trip_us) AS round_trip_us,
  COUNT(*) AS sample_count
FROM ordered
GROUP BY node, other_node
