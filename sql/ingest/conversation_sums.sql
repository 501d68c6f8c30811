-- about: Halves summed up into conversations, sockets and media still as numbers.
-- grain: conversation of one export
-- key: first_line
-- stage: ingest
-- store: no
WITH directed AS (
  SELECT
    h.*,
    s.text < d.text OR (s.text = d.text AND h.src <= h.dst) AS from_lower
  FROM unidirectional_flows AS h
  INNER JOIN texts AS s ON s.number = h.src // 131072
  INNER JOIN texts AS d ON d.number = h.dst // 131072
),
ends AS (
  SELECT
    d.*, p.part,
    CASE WHEN from_lower THEN src ELSE dst END AS lower_socket,
    CASE WHEN from_lower THEN dst ELSE src END AS upper_socket
  FROM directed AS d
  LEFT JOIN udp_idle_parts AS p ON p.first_line = d.first_line
)
SELECT
  medium, lower_socket, upper_socket,
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
FROM ends
GROUP BY medium, lower_socket, upper_socket, segment, part
