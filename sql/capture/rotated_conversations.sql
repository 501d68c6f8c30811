-- about: Conversations that the files of a rotated capture cut apart, whole again under the number of their first part. A SYN
-- about: with another sequence number begins a new one.
-- grain: conversation at one vantage
-- key: flow_number
-- store: no
WITH marked AS (
  SELECT c.*, n.capture_number * 1099511627776 + c.first_line AS flow_number, r.chain
  FROM conversations AS c
  INNER JOIN capture_numbers AS n ON n.capture_id = c.capture_id
  INNER JOIN rotated_files AS r
    ON r.capture_id = c.capture_id AND r.node = c.node AND r.interface IS NOT DISTINCT FROM c.interface
),
lined_up AS (
  SELECT
    m.*,
    ROW_NUMBER() OVER same_sockets AS place,
    LAG(capture_id) OVER same_sockets AS capture_before,
    LAG(end_us) OVER same_sockets AS end_before,
    LAST_VALUE(isn IGNORE NULLS) OVER (
      PARTITION BY chain, node, interface, protocol, lower_ip, lower_port, upper_ip, upper_port
      ORDER BY start_us, capture_id, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS isn_before
  FROM marked AS m
  WINDOW same_sockets AS (PARTITION BY chain, node, interface, protocol, lower_ip, lower_port, upper_ip, upper_port ORDER BY start_us, capture_id, first_line)
),
parts AS (
  SELECT
    l.*,
    SUM(CASE WHEN capture_before <> capture_id AND COALESCE(isn = isn_before, isn IS NULL)
      AND (protocol IS DISTINCT FROM 'udp' OR start_us <= end_before + 120000000) THEN 0 ELSE 1 END) OVER (
      PARTITION BY chain, node, interface, protocol, lower_ip, lower_port, upper_ip, upper_port
      ORDER BY place
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS part
  FROM lined_up AS l
)
SELECT
  ARG_MIN(flow_number, place) AS flow_number,
  node, interface, protocol, lower_ip, lower_port, upper_ip, upper_port,
  ARG_MIN(capture_id, place) AS capture_id,
  ARG_MIN(first_line, place) AS first_line,
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
  ARG_MIN(isn, place) AS isn,
  ARG_MIN(tsval, place) AS tsval,
  STRING_AGG(syn_tsvals, ' ' ORDER BY place) AS syn_tsvals,
  MIN(synack_us) AS synack_us,
  ARG_MIN(synack_seq, place) AS synack_seq,
  ARG_MIN(synack_ack, place) AS synack_ack,
  ARG_MIN(lower_first_seq, place) AS lower_first_seq,
  ARG_MIN(lower_first_ack, place) AS lower_first_ack,
  ARG_MAX(lower_last_seq, place) AS lower_last_seq,
  ARG_MAX(lower_last_ack, place) AS lower_last_ack,
  ARG_MIN(upper_first_seq, place) AS upper_first_seq,
  ARG_MIN(upper_first_ack, place) AS upper_first_ack,
  ARG_MAX(upper_last_seq, place) AS upper_last_seq,
  ARG_MAX(upper_last_ack, place) AS upper_last_ack,
  ARG_MIN(first_ip_id, place) AS first_ip_id,
  MAX(lower_ttl) AS lower_ttl,
  MAX(upper_ttl) AS upper_ttl
FROM parts
GROUP BY chain, part, node, interface, protocol, lower_ip, lower_port, upper_ip, upper_port
