-- about: One row per conversation in the files of a rotated capture: its parts, at most one in each file, joined under
-- about: the number of the first. A SYN with another sequence number begins a new conversation; so does UDP after its
-- about: idle timeout of 120 seconds (the same as in sql/ingest/conversation_sums.sql: change both).
-- about: `all_conversations` adds these rows to those of `conversations` by position, so the columns have their order.
-- grain: conversation at one vantage
-- key: flow_number
-- store: no
WITH file_parts AS (
  -- times 2^40: see capture_numbers
  SELECT c.*, n.capture_number * 1099511627776 + c.first_line AS flow_number, r.series_number
  FROM conversations AS c
  INNER JOIN capture_numbers AS n ON n.capture_id = c.capture_id
  INNER JOIN rotated_files AS r
    ON r.capture_id = c.capture_id AND r.node = c.node AND r.interface IS NOT DISTINCT FROM c.interface
),
ordered AS (
  SELECT
    f.*,
    ROW_NUMBER() OVER same_sockets AS position,
    LAG(capture_id) OVER same_sockets AS previous_capture_id,
    LAG(end_us) OVER same_sockets AS previous_end_us,
    LAST_VALUE(isn IGNORE NULLS) OVER (
      PARTITION BY series_number, node, interface, protocol, lower_ip, lower_port, upper_ip, upper_port
      ORDER BY start_us, capture_id, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS previous_isn
  FROM file_parts AS f
  WINDOW same_sockets AS (PARTITION BY series_number, node, interface, protocol, lower_ip, lower_port, upper_ip, upper_port ORDER BY start_us, capture_id, first_line)
),
assigned AS (
  SELECT
    o.*,
    -- 0 continues the conversation of the file before, 1 begins another
    SUM(CASE WHEN previous_capture_id <> capture_id AND COALESCE(isn = previous_isn, isn IS NULL)
      AND (protocol IS DISTINCT FROM 'udp' OR start_us <= previous_end_us + 120000000) THEN 0 ELSE 1 END) OVER (
      PARTITION BY series_number, node, interface, protocol, lower_ip, lower_port, upper_ip, upper_port
      ORDER BY position
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS conversation_number
  FROM ordered AS o
)
SELECT
  ARG_MIN(flow_number, position) AS flow_number,
  node,
  ARG_MIN(capture_id, position) AS capture_id,
  interface, protocol, lower_ip, lower_port, upper_ip, upper_port,
  ARG_MIN(first_line, position) AS first_line,
  MIN(start_us) AS start_us,
  MAX(end_us) AS end_us,
  CAST(SUM(lower_packets) AS BIGINT) AS lower_packets,
  CAST(SUM(upper_packets) AS BIGINT) AS upper_packets,
  CAST(SUM(lower_bytes) AS BIGINT) AS lower_bytes,
  CAST(SUM(upper_bytes) AS BIGINT) AS upper_bytes,
  CAST(SUM(flagged_packets) AS BIGINT) AS flagged_packets,
  CAST(SUM(lower_syns) AS BIGINT) AS lower_syns,
  CAST(SUM(upper_syns) AS BIGINT) AS upper_syns,
  CAST(SUM(lower_synacks) AS BIGINT) AS lower_synacks,
  CAST(SUM(upper_synacks) AS BIGINT) AS upper_synacks,
  CAST(SUM(fins) AS BIGINT) AS fins,
  CAST(SUM(rsts) AS BIGINT) AS rsts,
  CAST(SUM(payload_bytes) AS BIGINT) AS payload_bytes,
  CAST(SUM(requests) AS BIGINT) AS requests,
  ARG_MIN(isn, position) AS isn,
  ARG_MIN(tsval, position) AS tsval,
  STRING_AGG(syn_tsvals, ' ' ORDER BY position) AS syn_tsvals,
  MIN(synack_us) AS synack_us,
  ARG_MIN(synack_seq, position) AS synack_seq,
  ARG_MIN(synack_ack, position) AS synack_ack,
  ARG_MIN(lower_first_seq, position) AS lower_first_seq,
  ARG_MIN(lower_first_ack, position) AS lower_first_ack,
  ARG_MAX(lower_last_seq, position) AS lower_last_seq,
  ARG_MAX(lower_last_ack, position) AS lower_last_ack,
  ARG_MIN(upper_first_seq, position) AS upper_first_seq,
  ARG_MIN(upper_first_ack, position) AS upper_first_ack,
  ARG_MAX(upper_last_seq, position) AS upper_last_seq,
  ARG_MAX(upper_last_ack, position) AS upper_last_ack,
  ARG_MIN(first_ip_id, position) AS first_ip_id,
  MAX(lower_ttl) AS lower_ttl,
  MAX(upper_ttl) AS upper_ttl
FROM assigned
GROUP BY series_number, conversation_number, node, interface, protocol, lower_ip, lower_port, upper_ip, upper_port
