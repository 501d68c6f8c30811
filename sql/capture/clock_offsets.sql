-- about: How far apart two nodes' clocks are. A packet seen on both (same sockets, SYN timestamp or number, or IP id) tells their
-- about: difference and its way; its answer tells the difference less the way back, so half of both is the clocks alone.
-- about: Of a run's connections about 100,000 are looked at, and the tenth that went quickest counts.
-- grain: pair of nodes
-- key: node, other_node
-- column: node VARCHAR One node.
-- column: other_node VARCHAR The other, later in the alphabet.
-- column: offset_us BIGINT How far the other's clock is ahead of the first's; negative for behind.
-- column: spread_us BIGINT How far the middle nine tenths of all samples lie apart; large where a clock moved meanwhile.
-- column: round_trip_us BIGINT The quickest way there and back; the offset is wrong by at most half of it. NULL where no answer was seen on both.
-- column: sample_count BIGINT Packets seen on both nodes that it rests on.
WITH share AS (
  SELECT CAST(1 + floor(CAST(COUNT(*) AS DOUBLE) / 100000) AS BIGINT) AS one_in
  FROM all_conversations
  WHERE lower_port IS NOT NULL AND upper_port IS NOT NULL
),
looks AS (
  SELECT
    s.node, s.protocol, s.src_ip, s.src_port, s.dst_ip, s.dst_port, s.start_us AS there_us,
    COALESCE(s.tcp_tsval, s.tcp_isn, s.first_ip_id) AS packet,
    CASE
      WHEN s.protocol = 'tcp' THEN s.synack_us
      WHEN s.packet_count = 1 AND s.reply_packet_count = 1 THEN s.end_us
    END AS back_us
  FROM directed_flows AS s
  CROSS JOIN share AS r
  WHERE s.start_us IS NOT NULL AND COALESCE(s.tcp_tsval, s.tcp_isn, s.first_ip_id, 0) > 0 AND s.src_port % r.one_in = 0
),
samples AS (
  SELECT
    a.node,
    b.node AS other_node,
    CASE WHEN a.back_us IS NULL OR b.back_us IS NULL THEN CAST(b.there_us - a.there_us AS DOUBLE)
      ELSE CAST(b.there_us - a.there_us - a.back_us + b.back_us AS DOUBLE) / 2 END AS offset_us,
    abs(b.there_us - a.there_us + a.back_us - b.back_us) AS round_trip_us
  FROM looks AS a
  INNER JOIN looks AS b
    ON b.protocol = a.protocol AND b.src_ip = a.src_ip AND b.src_port = a.src_port AND b.dst_ip = a.dst_ip
    AND b.dst_port = a.dst_port AND b.packet = a.packet AND b.node > a.node
),
ranked AS (
  SELECT
    s.*,
    cume_dist() OVER (PARTITION BY node, other_node ORDER BY round_trip_us NULLS LAST) AS quickness,
    ROW_NUMBER() OVER (PARTITION BY node, other_node ORDER BY round_trip_us NULLS LAST, offset_us NULLS LAST) AS place
  FROM samples AS s
)
SELECT
  node,
  other_node,
  CAST(round(median(offset_us) FILTER (WHERE quickness <= 0.1 OR place <= 5)) AS BIGINT) AS offset_us,
  CAST(round(quantile_cont(offset_us, 0.95) - quantile_cont(offset_us, 0.05)) AS BIGINT) AS spread_us,
  MIN(round_trip_us) AS round_trip_us,
  COUNT(*) AS sample_count
FROM ranked
GROUP BY node, other_node
