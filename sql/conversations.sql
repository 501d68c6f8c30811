-- about: Packets between two sockets (two addresses, where there are no ports) at one vantage, both directions, not yet
-- about: told apart into client and server. Over UDP, two minutes of silence end one: connection tracking forgets it then.
-- grain: conversation of one export
-- key: first_line
-- stage: ingest
WITH sockets AS (
  SELECT
    h.*,
    COALESCE(src_ip < dst_ip OR (src_ip = dst_ip AND src_port <= dst_port), FALSE) AS from_lower
  FROM halves AS h
),
ends AS (
  SELECT
    s.*,
    CASE WHEN from_lower THEN src_ip ELSE dst_ip END AS lower_ip,
    CASE WHEN from_lower THEN src_port ELSE dst_port END AS lower_port,
    CASE WHEN from_lower THEN dst_ip ELSE src_ip END AS upper_ip,
    CASE WHEN from_lower THEN dst_port ELSE src_port END AS upper_port
  FROM sockets AS s
),
paused AS (
  SELECT
    interface, lower_ip, lower_port, upper_ip, upper_port, segment, first_line, start_us,
    MAX(end_us) OVER (
      PARTITION BY interface, lower_ip, lower_port, upper_ip, upper_port, segment
      ORDER BY start_us NULLS LAST, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before_us
  FROM ends
  WHERE protocol = 'udp'
),
parts AS (
  SELECT
    first_line,
    SUM(CASE WHEN start_us > before_us + 120000000 THEN 1 ELSE 0 END) OVER (
      PARTITION BY interface, lower_ip, lower_port, upper_ip, upper_port, segment
      ORDER BY start_us NULLS LAST, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS part
  FROM paused
),
later_parts AS (
  SELECT first_line, part FROM parts WHERE part > 0
)
SELECT
  interface, protocol, lower_ip, lower_port, upper_ip, upper_port,
  MIN(e.first_line) AS first_line,
  MIN(start_us) AS start_us,
  MAX(end_us) AS end_us,
  CAST(COALESCE(SUM(packet_count) FILTER (WHERE from_lower), 0) AS BIGINT) AS lower_packets,
  CAST(COALESCE(SUM(packet_count) FILTER (WHERE NOT from_lower), 0) AS BIGINT) AS upper_packets,
  CAST(SUM(byte_count) FILTER (WHERE from_lower) AS BIGINT) AS lower_bytes,
  CAST(SUM(byte_count) FILTER (WHERE NOT from_lower) AS BIGINT) AS upper_bytes,
  CAST(SUM(flagged_count) AS BIGINT) AS flagged_packets,
  CAST(COALESCE(SUM(syn_count) FILTER (WHERE from_lower), 0) AS BIGINT) AS lower_syns,
  CAST(COALESCE(SUM(syn_count) FILTER (WHERE NOT from_lower), 0) AS BIGINT) AS upper_syns,
  CAST(COALESCE(SUM(synack_count) FILTER (WHERE from_lower), 0) AS BIGINT) AS lower_synacks,
  CAST(COALESCE(SUM(synack_count) FILTER (WHERE NOT from_lower), 0) AS BIGINT) AS upper_synacks,
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
  MIN(first_seq) FILTER (WHERE from_lower) % 4294967296 AS lower_first_seq,
  MIN(first_ack) FILTER (WHERE from_lower) % 4294967296 AS lower_first_ack,
  MAX(last_seq) FILTER (WHERE from_lower) % 4294967296 AS lower_last_seq,
  MAX(last_ack) FILTER (WHERE from_lower) % 4294967296 AS lower_last_ack,
  MIN(first_seq) FILTER (WHERE NOT from_lower) % 4294967296 AS upper_first_seq,
  MIN(first_ack) FILTER (WHERE NOT from_lower) % 4294967296 AS upper_first_ack,
  MAX(last_seq) FILTER (WHERE NOT from_lower) % 4294967296 AS upper_last_seq,
  MAX(last_ack) FILTER (WHERE NOT from_lower) % 4294967296 AS upper_last_ack,
  MIN(first_ip_id) % 4294967296 AS first_ip_id,
  MAX(top_ttl) FILTER (WHERE from_lower) AS lower_ttl,
  MAX(top_ttl) FILTER (WHERE NOT from_lower) AS upper_ttl
FROM ends AS e
LEFT JOIN later_parts AS p ON p.first_line = e.first_line
GROUP BY interface, protocol, lower_ip, lower_port, upper_ip, upper_port, segment, part
