-- about: One row per reporter, quoted flow, kind of error and second: ICMP errors of one export (RFC 792, RFC 4443). An
-- about: error quotes the header of the packet that caused it, so it belongs to that packet's flow. The table
-- about: `icmp_error_packets` has the rows of `packets` that quote one.
-- grain: reporter, quoted flow, kind of error, second
-- key: capture_id, first_line
-- stage: ingest
SELECT
  capture_id,
  interface,
  MIN(line_number) AS first_line,
  src_ip AS reporter_ip,
  quoted_protocol AS protocol,
  quoted_src_ip AS src_ip,
  quoted_src_port AS src_port,
  quoted_dst_ip AS dst_ip,
  quoted_dst_port AS dst_port,
  icmp_type,
  icmp_code,
  CASE
    WHEN protocol = 'icmp' AND icmp_type = 3 AND icmp_code = 0 THEN 'network unreachable'
    WHEN protocol = 'icmp' AND icmp_type = 3 AND icmp_code = 1 THEN 'host unreachable'
    WHEN protocol = 'icmp' AND icmp_type = 3 AND icmp_code = 3 THEN 'port unreachable'
    WHEN protocol = 'icmp' AND icmp_type = 3 AND icmp_code = 4 THEN 'packet too big'
    WHEN protocol = 'icmp' AND icmp_type = 3 AND icmp_code IN (9, 10, 13) THEN 'prohibited'
    WHEN protocol = 'icmp' AND icmp_type = 3 THEN 'unreachable'
    WHEN protocol = 'icmp' AND icmp_type = 5 THEN 'redirect'
    WHEN protocol = 'icmp' AND icmp_type = 11 THEN 'time exceeded'
    WHEN protocol = 'icmpv6' AND icmp_type = 1 AND icmp_code = 0 THEN 'network unreachable'
    WHEN protocol = 'icmpv6' AND icmp_type = 1 AND icmp_code IN (1, 5, 6) THEN 'prohibited'
    WHEN protocol = 'icmpv6' AND icmp_type = 1 AND icmp_code = 3 THEN 'host unreachable'
    WHEN protocol = 'icmpv6' AND icmp_type = 1 AND icmp_code = 4 THEN 'port unreachable'
    WHEN protocol = 'icmpv6' AND icmp_type = 1 THEN 'unreachable'
    WHEN protocol = 'icmpv6' AND icmp_type = 2 THEN 'packet too big'
    WHEN protocol = 'icmpv6' AND icmp_type = 3 THEN 'time exceeded'
    ELSE 'unknown'
  END AS error,
  MIN(ts_us) AS first_us,
  MAX(ts_us) AS last_us,
  COUNT(*) AS packet_count
FROM icmp_error_packets
GROUP BY
  capture_id, interface, src_ip, protocol, quoted_protocol, quoted_src_ip, quoted_src_port, quoted_dst_ip, quoted_dst_port,
  icmp_type, icmp_code, ts_us // 1000000
