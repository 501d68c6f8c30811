-- about: Conversations of two exports of the same packets that are left out, because the other export tells more of them:
-- about: more columns, else more packets. Conversations between the same sockets are one if they overlap in time; what
-- about: only one of the exports names (interfaces, times, protocols, ports) sets nothing apart.
-- grain: conversation at one vantage
-- key: capture_id, first_line
-- stage: ingest
-- store: no
WITH said AS (
  SELECT
    COUNT(DISTINCT CASE WHEN interface IS NOT NULL THEN capture_id END) = 2 AS both_interfaces,
    COUNT(DISTINCT CASE WHEN start_us IS NOT NULL THEN capture_id END) = 2 AS both_times,
    COUNT(DISTINCT CASE WHEN protocol IS NOT NULL THEN capture_id END) = 2 AS both_protocols,
    COUNT(DISTINCT CASE WHEN lower_port IS NOT NULL THEN capture_id END) = 2 AS both_ports
  FROM conversations
),
placed AS (
  SELECT
    c.*,
    CASE WHEN both_interfaces THEN interface END AS place,
    CASE WHEN both_times THEN start_us END AS begin_us,
    CASE WHEN both_protocols THEN protocol END AS by_protocol,
    CASE WHEN both_ports THEN lower_port END AS low_port,
    CASE WHEN both_ports THEN upper_port END AS high_port
  FROM conversations AS c
  CROSS JOIN said
),
followed AS (
  SELECT
    p.*,
    MAX(end_us) OVER (
      PARTITION BY place, by_protocol, lower_ip, low_port, upper_ip, high_port
      ORDER BY begin_us NULLS LAST, capture_id, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before_us
  FROM placed AS p
),
spells AS (
  SELECT
    f.*,
    SUM(CASE WHEN begin_us > before_us THEN 1 ELSE 0 END) OVER (
      PARTITION BY place, by_protocol, lower_ip, low_port, upper_ip, high_port
      ORDER BY begin_us NULLS LAST, capture_id, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS spell
  FROM followed AS f
),
sides AS (
  SELECT
    place, by_protocol, lower_ip, low_port, upper_ip, high_port, spell, capture_id,
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
  FROM spells
  GROUP BY place, by_protocol, lower_ip, low_port, upper_ip, high_port, spell, capture_id
),
weighed AS (
  SELECT
    s.*,
    SUM(information_count) OVER (PARTITION BY capture_id) AS export_information_count,
    SUM(packet_count) OVER (PARTITION BY capture_id) AS export_packet_count
  FROM sides AS s
),
ranked AS (
  SELECT
    w.*,
    ROW_NUMBER() OVER (
      PARTITION BY place, by_protocol, lower_ip, low_port, upper_ip, high_port, spell
      ORDER BY information_count DESC, packet_count DESC, export_information_count DESC, export_packet_count DESC, capture_id
    ) AS standing
  FROM weighed AS w
)
SELECT
  s.capture_id, s.first_line, s.interface, s.protocol, s.lower_ip, s.lower_port, s.upper_ip, s.upper_port, s.start_us,
  s.end_us, s.lower_packets + s.upper_packets AS packet_count
FROM spells AS s
INNER JOIN ranked AS r
  ON r.capture_id = s.capture_id AND r.spell = s.spell AND r.place IS NOT DISTINCT FROM s.place
  AND r.by_protocol IS NOT DISTINCT FROM s.by_protocol AND r.lower_ip = s.lower_ip AND r.upper_ip = s.upper_ip
  AND r.low_port IS NOT DISTINCT FROM s.low_port AND r.high_port IS NOT DISTINCT FROM s.high_port
WHERE r.standing > 1
