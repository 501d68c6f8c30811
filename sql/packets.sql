-- about: Packets of one tshark export, in our columns. Cells that an export does not have are NULL.
-- grain: captured packet
-- key: capture_id, line_number
-- stage: ingest
SELECT
  frame_interface_name AS interface,
  capture_id,
  line_number,
  CAST(floor(frame_time_epoch * 1000000) AS BIGINT) AS ts_us,
  COALESCE(ip_src, ipv6_src) AS src_ip,
  COALESCE(ip_dst, ipv6_dst) AS dst_ip,
  CASE COALESCE(ip_proto, ipv6_nxt)
    WHEN 6 THEN 'tcp'
    WHEN 17 THEN 'udp'
    WHEN 132 THEN 'sctp'
    WHEN 1 THEN 'icmp'
    WHEN 58 THEN 'icmpv6'
    ELSE COALESCE(
      CAST(COALESCE(ip_proto, ipv6_nxt) AS VARCHAR),
      CASE WHEN tcp_srcport IS NOT NULL THEN 'tcp' WHEN udp_srcport IS NOT NULL THEN 'udp' END
    )
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
  END AS request_count
FROM export_lines
