-- about: Packets of one tshark export, in our columns. Cells that an export does not have are NULL.
-- about: A tunnel gives its inner packet, outer addresses beside it; an ICMP error gives no ports but the flow it quotes.
-- grain: captured packet
-- key: capture_id, line_number
-- stage: ingest
SELECT
  frame_interface_name AS interface,
  capture_id,
  line_number,
  ts_us,
  COALESCE(ip_src, ipv6_src) AS src_ip,
  COALESCE(ip_dst, ipv6_dst) AS dst_ip,
  CASE
    WHEN COALESCE(ip_proto, ipv6_nxt) = 6 OR tcp_srcport IS NOT NULL THEN 'tcp'
    WHEN COALESCE(ip_proto, ipv6_nxt) = 17 OR udp_srcport IS NOT NULL THEN 'udp'
    WHEN COALESCE(ip_proto, ipv6_nxt) = 132 OR sctp_srcport IS NOT NULL THEN 'sctp'
    WHEN COALESCE(ip_proto, ipv6_nxt) = 1 THEN 'icmp'
    WHEN COALESCE(ip_proto, ipv6_nxt) = 58 THEN 'icmpv6'
    ELSE CAST(COALESCE(ip_proto, ipv6_nxt) AS VARCHAR)
  END AS protocol,
  CAST(COALESCE(tcp_srcport, udp_srcport, sctp_srcport) AS INTEGER) AS src_port,
  CAST(COALESCE(tcp_dstport, udp_dstport, sctp_dstport) AS INTEGER) AS dst_port,
  frame_len AS frame_bytes,
  CAST(tcp_flags AS INTEGER) AS tcp_flags,
  CAST(tcp_seq_raw AS BIGINT) AS tcp_seq,
  CAST(tcp_ack_raw AS BIGINT) AS tcp_ack,
  tcp_len AS tcp_payload_bytes,
  CAST(tcp_options_timestamp_tsval AS BIGINT) AS tcp_tsval,
  CAST(tcp_stream AS BIGINT) AS tcp_stream,
  CAST(ip_id AS INTEGER) AS ip_id,
  CAST(COALESCE(ip_ttl, ipv6_hlim) AS INTEGER) AS ip_ttl,
  CASE WHEN http_request_method IS NOT NULL
    THEN 1 + CAST(length(http_request_method) - length(replace(http_request_method, ',', '')) AS INTEGER)
  END AS request_count,
  outer_src AS outer_src_ip,
  outer_dst AS outer_dst_ip,
  CASE outer_proto WHEN 17 THEN 'udp' ELSE CAST(outer_proto AS VARCHAR) END AS outer_protocol,
  quoted_src AS quoted_src_ip,
  quoted_dst AS quoted_dst_ip,
  CASE quoted_proto
    WHEN 6 THEN 'tcp'
    WHEN 17 THEN 'udp'
    WHEN 132 THEN 'sctp'
    ELSE CAST(quoted_proto AS VARCHAR)
  END AS quoted_protocol,
  CAST(quoted_srcport AS INTEGER) AS quoted_src_port,
  CAST(quoted_dstport AS INTEGER) AS quoted_dst_port
FROM export_lines
