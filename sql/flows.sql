-- about: Every conversation at every vantage, with the connection it is part of.
-- grain: conversation at one vantage
-- key: flow_id
WITH wholes AS (
  SELECT j.stitch_key, c.connection_id, c.label, c.evidence
  FROM joined AS j
  INNER JOIN connections AS c ON c.connection_id = j.connection_id
)
SELECT
  s.node, s.interface, s.capture_id || '-' || CAST(s.first_line AS VARCHAR) AS flow_id, w.connection_id, s.leg, s.protocol,
  s.src_ip, s.src_port, s.dst_ip, s.dst_port, s.start_us, s.end_us, s.packet_count, s.byte_count, s.reply_packet_count,
  s.reply_byte_count, s.syn_count, s.fin_count, s.rst_count, s.request_count, s.tcp_isn, s.tcp_tsval,
  COALESCE(e.icmp_error_count, 0) AS icmp_error_count,
  e.icmp_errors,
  COALESCE(w.label, 'unlabelled') AS label,
  COALESCE(w.evidence, 'unknown') AS evidence
FROM stitches AS s
LEFT JOIN wholes AS w ON w.stitch_key = s.stitch_key
LEFT JOIN flow_errors AS e ON e.flow = s.flow
