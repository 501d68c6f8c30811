-- about: One row per flow that ICMP errors quote (RFC 792), in either direction, on the node that captured both. Where
-- about: ports were used again, an error belongs to the last flow that began before it. An error that several
-- about: interfaces show counts once.
-- grain: conversation at one vantage
-- key: flow_number
-- store: no
WITH quoted_directions AS (
  SELECT node, capture_id, first_line, interface, protocol, src_ip, src_port, dst_ip, dst_port, last_us, error, packet_count
  FROM icmp_errors
  UNION ALL
  SELECT node, capture_id, first_line, interface, protocol, dst_ip, dst_port, src_ip, src_port, last_us, error, packet_count
  FROM icmp_errors
),
quoted_sockets AS (
  SELECT q.*, c.client_socket_number
  FROM quoted_directions AS q
  INNER JOIN client_socket_context AS c
    ON c.node = q.node AND c.protocol = q.protocol AND c.src_ip = q.src_ip AND c.dst_ip = q.dst_ip
    AND c.dst_port = q.dst_port
),
pairs AS (
  SELECT
    l.flow_number, e.capture_id, e.interface, e.error, e.packet_count,
    ROW_NUMBER() OVER (
      PARTITION BY e.capture_id, e.first_line, l.interface ORDER BY l.start_us DESC NULLS LAST, l.flow_number
    ) AS position
  FROM legs AS l
  INNER JOIN quoted_sockets AS e ON e.client_socket_number = l.client_socket_number AND e.src_port = l.src_port
  WHERE COALESCE(l.start_us <= e.last_us, TRUE)
),
interface_counts AS (
  SELECT flow_number, CAST(SUM(packet_count) AS BIGINT) AS packet_count
  FROM pairs
  WHERE position = 1
  GROUP BY flow_number, capture_id, interface
),
flow_counts AS (
  SELECT flow_number, MAX(packet_count) AS icmp_error_count FROM interface_counts GROUP BY flow_number
),
flow_kinds AS (
  SELECT flow_number, ARRAY_TO_STRING(LIST_SORT(LIST(DISTINCT error)), ', ') AS icmp_errors
  FROM pairs
  WHERE position = 1
  GROUP BY flow_number
)
SELECT c.flow_number, c.icmp_error_count, k.icmp_errors
FROM flow_counts AS c
INNER JOIN flow_kinds AS k ON k.flow_number = c.flow_number
