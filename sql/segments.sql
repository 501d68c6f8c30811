-- about: Packets between two addresses, each with the segment of its 5-tuple: reused ports are another connection.
-- about: Packets without ports (ICMP, later fragments) have a 5-tuple of three.
-- about: tshark's stream number tells segments apart; without it, a SYN with a new sequence number does.
-- grain: packet with ports
-- key: line_number
-- stage: ingest
-- store: no
WITH ends AS (
  SELECT
    interface, protocol, line_number, ts_us, src_ip, src_port, dst_ip, dst_port, frame_bytes, tcp_flags,
    tcp_seq, tcp_ack, tcp_tsval, ip_id, ip_ttl, outer_src_ip, tcp_stream, tcp_payload_bytes, request_count,
    COALESCE(tcp_flags & 18 = 2, FALSE) AS is_syn
  FROM packets
  WHERE src_ip IS NOT NULL AND dst_ip IS NOT NULL
),
sockets AS (
  SELECT
    e.*,
    CASE WHEN src_ip < dst_ip OR (src_ip = dst_ip AND src_port <= dst_port)
      THEN src_ip || COALESCE(' ' || CAST(src_port AS VARCHAR), '') || ' ' || dst_ip || COALESCE(' ' || CAST(dst_port AS VARCHAR), '')
      ELSE dst_ip || COALESCE(' ' || CAST(dst_port AS VARCHAR), '') || ' ' || src_ip || COALESCE(' ' || CAST(src_port AS VARCHAR), '')
    END AS pair
  FROM ends AS e
  WHERE tcp_stream IS NULL
),
last_syns AS (
  SELECT
    s.*,
    LAST_VALUE(CASE WHEN is_syn THEN tcp_seq END IGNORE NULLS) OVER (
      PARTITION BY interface, protocol, pair
      ORDER BY ts_us NULLS LAST, line_number
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS last_syn_seq
  FROM sockets AS s
)
SELECT e.*, tcp_stream AS segment
FROM ends AS e
WHERE tcp_stream IS NOT NULL
UNION ALL
SELECT
  s.* EXCLUDE (pair, last_syn_seq),
  -1 - CAST(SUM(CASE WHEN is_syn AND last_syn_seq IS NOT NULL AND tcp_seq <> last_syn_seq THEN 1 ELSE 0 END) OVER (
    PARTITION BY interface, protocol, pair
    ORDER BY ts_us NULLS LAST, line_number
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS BIGINT) AS segment
FROM last_syns AS s
