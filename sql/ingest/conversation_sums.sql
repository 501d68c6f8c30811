-- about: One row per conversation of one export, with numbers in place of texts: the unidirectional flows of both
-- about: directions added up (a biflow, RFC 5103). The lower socket is the one that sorts first, by the text of its
-- about: address, then by port. Each use of the same ports is a conversation of its own (`segment`). A UDP conversation
-- about: ends with an idle timeout of 120 seconds, that of Linux connection tracking for a UDP stream: packets after it
-- about: have another `udp_part`. sql/capture/rotated_conversations.sql has the same 120 seconds: change both. This is a
-- about: table without texts because DuckDB runs out of memory where one query adds
-- about: up and looks up texts.
-- grain: conversation of one export
-- key: first_line
-- stage: ingest
-- store: no
WITH udp_flows AS (
  SELECT
    f.interface_and_protocol, f.segment, f.first_line, f.start_us, f.end_us,
    LEAST(f.src, f.dst) AS first_socket,
    GREATEST(f.src, f.dst) AS second_socket
  FROM unidirectional_flows AS f
  INNER JOIN texts AS p ON p.number = f.interface_and_protocol % 4294967296
  WHERE p.text = 'udp'
),
udp_gaps AS (
  SELECT
    u.*,
    MAX(end_us) OVER (
      PARTITION BY interface_and_protocol, first_socket, second_socket, segment
      ORDER BY start_us NULLS LAST, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS previous_end_us
  FROM udp_flows AS u
),
udp_parts AS (
  SELECT
    first_line,
    CAST(SUM(CASE WHEN start_us > previous_end_us + 120000000 THEN 1 ELSE 0 END) OVER (
      PARTITION BY interface_and_protocol, first_socket, second_socket, segment
      ORDER BY start_us NULLS LAST, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS BIGINT) AS udp_part
  FROM udp_gaps
),
directed AS (
  SELECT
    f.*,
    p.udp_part,
    s.text < d.text OR (s.text = d.text AND f.src <= f.dst) AS from_lower
  FROM unidirectional_flows AS f
  INNER JOIN texts AS s ON s.number = f.src // 131072
  INNER JOIN texts AS d ON d.number = f.dst // 131072
  LEFT JOIN udp_parts AS p ON p.first_line = f.first_line AND p.udp_part > 0
)
SELECT
  interface_and_protocol,
  CASE WHEN from_lower THEN src ELSE dst END AS lower_socket,
  CASE WHEN from_lower THEN dst ELSE src END AS upper_socket,
  MIN(first_line) AS first_line,
  MIN(start_us) AS start_us,
  MAX(end_us) AS end_us,
  CAST(COALESCE(SUM(CASE WHEN from_lower THEN packet_count END), 0) AS BIGINT) AS lower_packets,
  CAST(COALESCE(SUM(CASE WHEN NOT from_lower THEN packet_count END), 0) AS BIGINT) AS upper_packets,
  CAST(SUM(CASE WHEN from_lower THEN byte_count END) AS BIGINT) AS lower_bytes,
  CAST(SUM(CASE WHEN NOT from_lower THEN byte_count END) AS BIGINT) AS upper_bytes,
  CAST(SUM(flagged_count) AS BIGINT) AS flagged_packets,
  CAST(COALESCE(SUM(CASE WHEN from_lower THEN syn_count END), 0) AS BIGINT) AS lower_syns,
  CAST(COALESCE(SUM(CASE WHEN NOT from_lower THEN syn_count END), 0) AS BIGINT) AS upper_syns,
  CAST(COALESCE(SUM(CASE WHEN from_lower THEN synack_count END), 0) AS BIGINT) AS lower_synacks,
  CAST(COALESCE(SUM(CASE WHEN NOT from_lower THEN synack_count END), 0) AS BIGINT) AS upper_synacks,
  CAST(SUM(fin_count) AS BIGINT) AS fins,
  CAST(SUM(rst_count) AS BIGINT) AS rsts,
  CAST(SUM(payload_bytes) AS BIGINT) AS payload_bytes,
  CAST(SUM(request_count) AS BIGINT) AS requests,
  -- values of first and last packets follow their line number: MIN and MAX choose the packet, % 2^32 its value
  MIN(syn_seq) % 4294967296 AS isn,
  MIN(syn_tsval) % 4294967296 AS tsval,
  CASE WHEN SUM(syn_count) > 1
    THEN ARRAY_TO_STRING(LIST_SORT(LIST_DISTINCT(STRING_SPLIT(STRING_AGG(syn_tsvals, ' '), ' '))), ' ')
    ELSE MIN(syn_tsvals)
  END AS syn_tsvals,
  MIN(synack_us) AS synack_us,
  MIN(synack_seq) % 4294967296 AS synack_seq,
  MIN(synack_ack) % 4294967296 AS synack_ack,
  MIN(CASE WHEN from_lower THEN first_seq END) % 4294967296 AS lower_first_seq,
  MIN(CASE WHEN from_lower THEN first_ack END) % 4294967296 AS lower_first_ack,
  MAX(CASE WHEN from_lower THEN last_seq END) % 4294967296 AS lower_last_seq,
  MAX(CASE WHEN from_lower THEN last_ack END) % 4294967296 AS lower_last_ack,
  MIN(CASE WHEN NOT from_lower THEN first_seq END) % 4294967296 AS upper_first_seq,
  MIN(CASE WHEN NOT from_lower THEN first_ack END) % 4294967296 AS upper_first_ack,
  MAX(CASE WHEN NOT from_lower THEN last_seq END) % 4294967296 AS upper_last_seq,
  MAX(CASE WHEN NOT from_lower THEN last_ack END) % 4294967296 AS upper_last_ack,
  MIN(first_ip_id) % 4294967296 AS first_ip_id,
  MAX(CASE WHEN from_lower THEN top_ttl END) AS lower_ttl,
  MAX(CASE WHEN NOT from_lower THEN top_ttl END) AS upper_ttl
FROM directed
GROUP BY interface_and_protocol, lower_socket, upper_socket, segment, udp_part
