-- about: One row per packet between two addresses, with the segment of its five-tuple: each use of the same ports is a
-- about: segment of its own. tshark's stream number gives the segment. Without it a SYN with a new initial sequence
-- about: number begins the next segment; a SYN with the same number is a retransmission and stays in its segment. The
-- about: whole export must be read before: packets are not in time order. Packets without ports (ICMP, later fragments)
-- about: have a three-tuple of addresses and protocol.
-- grain: packet with ports
-- key: line_number
-- stage: ingest
-- store: no
WITH addressed AS (
  SELECT
    interface_and_protocol, protocol, src, dst, line_number, ts_us, frame_bytes, tcp_flags,
    tcp_seq, tcp_ack, tcp_tsval, ip_id, ip_ttl, outer_src_ip, tcp_stream, tcp_payload_bytes, request_count,
    COALESCE(tcp_flags & 18 = 2, FALSE) AS is_syn
  FROM packets
  WHERE src IS NOT NULL AND dst IS NOT NULL
),
previous_syns AS (
  SELECT
    a.*,
    LAST_VALUE(CASE WHEN is_syn THEN tcp_seq END IGNORE NULLS) OVER (
      PARTITION BY interface_and_protocol, LEAST(src, dst), GREATEST(src, dst)
      ORDER BY ts_us NULLS LAST, line_number
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS previous_syn_seq
  FROM addressed AS a
  WHERE tcp_stream IS NULL
)
SELECT a.*, tcp_stream AS segment
FROM addressed AS a
WHERE tcp_stream IS NOT NULL
UNION ALL
SELECT
  p.* EXCLUDE (previous_syn_seq),
  -1 - CAST(SUM(CASE WHEN is_syn AND previous_syn_seq IS NOT NULL AND tcp_seq <> previous_syn_seq THEN 1 ELSE 0 END) OVER (
    PARTITION BY interface_and_protocol, LEAST(src, dst), GREATEST(src, dst)
    ORDER BY ts_us NULLS LAST, line_number
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS BIGINT) AS segment
FROM previous_syns AS p
