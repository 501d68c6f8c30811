-- about: Packets between two addresses, each with the segment of its 5-tuple: reused ports are another connection.
-- about: Packets without ports (ICMP, later fragments) have a 5-tuple of three.
-- about: tshark's stream number tells segments apart; without it, a SYN with a new sequence number does.
-- grain: packet with ports
-- key: line_number
-- stage: ingest
-- store: no
WITH ends AS (
  SELECT
    medium, protocol, src, dst, line_number, ts_us, frame_bytes, tcp_flags,
    tcp_seq, tcp_ack, tcp_tsval, ip_id, ip_ttl, outer_src_ip, tcp_stream, tcp_payload_bytes, request_count,
    COALESCE(tcp_flags & 18 = 2, FALSE) AS is_syn
  FROM packets
  WHERE src IS NOT NULL AND dst IS NOT NULL
),
last_syns AS (
  SELECT
    e.*,
    LAST_VALUE(CASE WHEN is_syn THEN tcp_seq END IGNORE NULLS) OVER (
      PARTITION BY medium, LEAST(src, dst), GREATEST(src, dst)
      ORDER BY ts_us NULLS LAST, line_number
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS last_syn_seq
  FROM ends AS e
  WHERE tcp_stream IS NULL
)
SELECT e.*, tcp_stream AS segment
FROM ends AS e
WHERE tcp_stream IS NOT NULL
UNION ALL
SELECT
  s.* EXCLUDE (last_syn_seq),
  -1 - CAST(SUM(CASE WHEN is_syn AND last_syn_seq IS NOT NULL AND tcp_seq <> last_syn_seq THEN 1 ELSE 0 END) OVER (
    PARTITION BY medium, LEAST(src, dst), GREATEST(src, dst)
    ORDER BY ts_us NULLS LAST, line_number
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS BIGINT) AS segment
FROM last_syns AS s
