-- about: One row per conversation to leave out, of two exports of the same packets: the other export has it with more
-- about: columns, or, if that is equal, with more packets. Conversations of both exports are the same if their sockets
-- about: are the same and their times overlap (connected intervals). What only one export shows (interface, time,
-- about: protocol, port) does not keep two apart.
-- grain: conversation at one vantage
-- key: capture_id, first_line
-- stage: ingest
-- store: no
WITH shared_columns AS (
  SELECT
    COUNT(DISTINCT CASE WHEN interface IS NOT NULL THEN capture_id END) = 2 AS both_interfaces,
    COUNT(DISTINCT CASE WHEN start_us IS NOT NULL THEN capture_id END) = 2 AS both_times,
    COUNT(DISTINCT CASE WHEN protocol IS NOT NULL THEN capture_id END) = 2 AS both_protocols,
    COUNT(DISTINCT CASE WHEN lower_port IS NOT NULL THEN capture_id END) = 2 AS both_ports
  FROM conversations
),
comparable AS (
  SELECT
    c.*,
    CASE WHEN both_interfaces THEN interface END AS shared_interface,
    CASE WHEN both_times THEN start_us END AS shared_start_us,
    CASE WHEN both_protocols THEN protocol END AS shared_protocol,
    CASE WHEN both_ports THEN lower_port END AS shared_lower_port,
    CASE WHEN both_ports THEN upper_port END AS shared_upper_port
  FROM conversations AS c
  CROSS JOIN shared_columns
),
ordered AS (
  SELECT
    c.*,
    MAX(end_us) OVER (
      PARTITION BY shared_interface, shared_protocol, lower_ip, shared_lower_port, upper_ip, shared_upper_port
      ORDER BY shared_start_us NULLS LAST, capture_id, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS previous_end_us
  FROM comparable AS c
),
intervals AS (
  SELECT
    o.*,
    SUM(CASE WHEN shared_start_us > previous_end_us THEN 1 ELSE 0 END) OVER (
      PARTITION BY shared_interface, shared_protocol, lower_ip, shared_lower_port, upper_ip, shared_upper_port
      ORDER BY shared_start_us NULLS LAST, capture_id, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS interval_number
  FROM ordered AS o
),
export_counts AS (
  SELECT
    shared_interface, shared_protocol, lower_ip, shared_lower_port, upper_ip, shared_upper_port, interval_number, capture_id,
    CASE WHEN COUNT(start_us) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(interface) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(lower_bytes) + COUNT(upper_bytes) > 0 THEN 1 ELSE 0 END
    + CASE WHEN SUM(flagged_packets) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(isn) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(tsval) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(synack_seq) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(synack_ack) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(payload_bytes) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(lower_first_seq) + COUNT(upper_first_seq) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(lower_first_ack) + COUNT(upper_first_ack) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(requests) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(first_ip_id) > 0 THEN 1 ELSE 0 END
    + CASE WHEN COUNT(lower_ttl) + COUNT(upper_ttl) > 0 THEN 1 ELSE 0 END AS information_count,
    CAST(SUM(lower_packets + upper_packets) AS BIGINT) AS packet_count
  FROM intervals
  GROUP BY shared_interface, shared_protocol, lower_ip, shared_lower_port, upper_ip, shared_upper_port, interval_number, capture_id
),
weighted AS (
  SELECT
    s.*,
    SUM(information_count) OVER (PARTITION BY capture_id) AS export_information_count,
    SUM(packet_count) OVER (PARTITION BY capture_id) AS export_packet_count
  FROM export_counts AS s
),
ranked AS (
  SELECT
    w.*,
    ROW_NUMBER() OVER (
      PARTITION BY shared_interface, shared_protocol, lower_ip, shared_lower_port, upper_ip, shared_upper_port, interval_number
      ORDER BY information_count DESC, packet_count DESC, export_information_count DESC, export_packet_count DESC, capture_id
    ) AS position
  FROM weighted AS w
)
SELECT
  i.capture_id, i.first_line, i.interface, i.protocol, i.lower_ip, i.lower_port, i.upper_ip, i.upper_port, i.start_us,
  i.end_us, i.lower_packets + i.upper_packets AS packet_count
FROM intervals AS i
INNER JOIN ranked AS r
  ON r.capture_id = i.capture_id AND r.interval_number = i.interval_number AND r.shared_interface IS NOT DISTINCT FROM i.shared_interface
  AND r.shared_protocol IS NOT DISTINCT FROM i.shared_protocol AND r.lower_ip = i.lower_ip AND r.upper_ip = i.upper_ip
  AND r.shared_lower_port IS NOT DISTINCT FROM i.shared_lower_port AND r.shared_upper_port IS NOT DISTINCT FROM i.shared_upper_port
WHERE r.position > 1
