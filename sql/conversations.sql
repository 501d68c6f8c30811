-- about: Packets between two sockets at one vantage, both directions, not yet told apart into client and server.
-- about: tshark's stream number splits reused ports; without it, a SYN with a new sequence number does.
-- grain: conversation at one vantage
-- key: capture_id, first_line
-- store: no
WITH ends AS (
  SELECT
    node, capture_id, interface, protocol, line_number, ts_us, frame_bytes, tcp_flags, tcp_seq, tcp_ack, tcp_tsval, ip_id,
    tcp_stream, tcp_payload_bytes, request_count,
    COALESCE(src_ip < dst_ip OR (src_ip = dst_ip AND src_port <= dst_port), FALSE) AS from_lower,
    COALESCE(tcp_flags & 18 = 2, FALSE) AS is_syn,
    COALESCE(tcp_flags & 18 = 18, FALSE) AS is_synack,
    src_ip, src_port, dst_ip, dst_port
  FROM packets
  WHERE src_ip IS NOT NULL AND dst_ip IS NOT NULL AND src_port IS NOT NULL AND dst_port IS NOT NULL
),
sockets AS (
  SELECT
    node, capture_id, interface, protocol, line_number, ts_us, frame_bytes, tcp_flags, tcp_seq, tcp_ack, tcp_tsval, ip_id,
    tcp_stream, tcp_payload_bytes, request_count, from_lower, is_syn, is_synack,
    CASE WHEN from_lower THEN src_ip ELSE dst_ip END AS lower_ip,
    CASE WHEN from_lower THEN src_port ELSE dst_port END AS lower_port,
    CASE WHEN from_lower THEN dst_ip ELSE src_ip END AS upper_ip,
    CASE WHEN from_lower THEN dst_port ELSE src_port END AS upper_port
  FROM ends
),
last_syns AS (
  SELECT
    s.*,
    LAST_VALUE(CASE WHEN is_syn THEN tcp_seq END IGNORE NULLS) OVER (
      PARTITION BY capture_id, interface, protocol, lower_ip, lower_port, upper_ip, upper_port
      ORDER BY ts_us NULLS LAST, line_number
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS last_syn_seq
  FROM sockets AS s
  WHERE tcp_stream IS NULL
),
segments AS (
  SELECT s.*, NULL AS last_syn_seq, tcp_stream AS segment
  FROM sockets AS s
  WHERE tcp_stream IS NOT NULL
  UNION ALL
  SELECT
    s.*,
    CAST(SUM(CASE WHEN is_syn AND last_syn_seq IS NOT NULL AND tcp_seq <> last_syn_seq THEN 1 ELSE 0 END) OVER (
      PARTITION BY capture_id, interface, protocol, lower_ip, lower_port, upper_ip, upper_port
      ORDER BY ts_us NULLS LAST, line_number
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS BIGINT) AS segment
  FROM last_syns AS s
)
SELECT
  node, capture_id, interface, protocol, lower_ip, lower_port, upper_ip, upper_port,
  MIN(line_number) AS first_line,
  MIN(ts_us) AS start_us,
  MAX(ts_us) AS end_us,
  COUNT(*) FILTER (WHERE from_lower) AS lower_packets,
  COUNT(*) FILTER (WHERE NOT from_lower) AS upper_packets,
  CAST(SUM(frame_bytes) FILTER (WHERE from_lower) AS BIGINT) AS lower_bytes,
  CAST(SUM(frame_bytes) FILTER (WHERE NOT from_lower) AS BIGINT) AS upper_bytes,
  COUNT(tcp_flags) AS flagged_packets,
  COUNT(*) FILTER (WHERE is_syn AND from_lower) AS lower_syns,
  COUNT(*) FILTER (WHERE is_syn AND NOT from_lower) AS upper_syns,
  COUNT(*) FILTER (WHERE is_synack AND from_lower) AS lower_synacks,
  COUNT(*) FILTER (WHERE is_synack AND NOT from_lower) AS upper_synacks,
  COUNT(*) FILTER (WHERE tcp_flags & 1 = 1) AS fins,
  COUNT(*) FILTER (WHERE tcp_flags & 4 = 4) AS rsts,
  CAST(SUM(tcp_payload_bytes) AS BIGINT) AS payload_bytes,
  CAST(SUM(request_count) AS BIGINT) AS requests,
  ARG_MIN(tcp_seq, line_number) FILTER (WHERE is_syn) AS isn,
  ARG_MIN(tcp_tsval, line_number) FILTER (WHERE is_syn) AS tsval,
  LIST_SORT(LIST(DISTINCT COALESCE(tcp_tsval, -1)) FILTER (WHERE is_syn)) AS syn_tsvals,
  MIN(ts_us) FILTER (WHERE is_synack) AS synack_us,
  ARG_MIN(tcp_seq, line_number) FILTER (WHERE is_synack) AS synack_seq,
  ARG_MIN(tcp_ack, line_number) FILTER (WHERE is_synack) AS synack_ack,
  ARG_MIN(tcp_seq, line_number) FILTER (WHERE from_lower AND tcp_payload_bytes > 0) AS lower_first_seq,
  ARG_MIN(tcp_ack, line_number) FILTER (WHERE from_lower AND tcp_payload_bytes > 0) AS lower_first_ack,
  ARG_MAX(tcp_seq, line_number) FILTER (WHERE from_lower AND tcp_payload_bytes > 0) AS lower_last_seq,
  ARG_MAX(tcp_ack, line_number) FILTER (WHERE from_lower AND tcp_payload_bytes > 0) AS lower_last_ack,
  ARG_MIN(tcp_seq, line_number) FILTER (WHERE NOT from_lower AND tcp_payload_bytes > 0) AS upper_first_seq,
  ARG_MIN(tcp_ack, line_number) FILTER (WHERE NOT from_lower AND tcp_payload_bytes > 0) AS upper_first_ack,
  ARG_MAX(tcp_seq, line_number) FILTER (WHERE NOT from_lower AND tcp_payload_bytes > 0) AS upper_last_seq,
  ARG_MAX(tcp_ack, line_number) FILTER (WHERE NOT from_lower AND tcp_payload_bytes > 0) AS upper_last_ack,
  ARG_MIN(ip_id, line_number) AS first_ip_id
FROM segments
GROUP BY node, capture_id, interface, protocol, lower_ip, lower_port, upper_ip, upper_port, segment
