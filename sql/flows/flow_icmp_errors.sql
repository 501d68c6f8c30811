-- about: ICMP errors that speak of a flow, in either direction, on the node where both were seen. Of flows whose ports were
-- about: used again, an error speaks of the last that had begun. Errors seen on several interfaces count once.
-- grain: conversation at one vantage
-- key: flow_number
-- store: no
WITH sides AS (
  SELECT node, capture_id, first_line, interface, protocol, src_ip, src_port, dst_ip, dst_port, last_us, error, packet_count
  FROM icmp_errors
  UNION ALL
  SELECT node, capture_id, first_line, interface, protocol, dst_ip, dst_port, src_ip, src_port, last_us, error, packet_count
  FROM icmp_errors
),
addressed AS (
  SELECT e.*, c.client_socket_number
  FROM sides AS e
  INNER JOIN client_socket_context AS c
    ON c.node = e.node AND c.protocol = e.protocol AND c.src_ip = e.src_ip AND c.dst_ip = e.dst_ip
    AND c.dst_port = e.dst_port
),
pairs AS (
  SELECT
    s.flow_number, e.capture_id, e.interface, e.error, e.packet_count,
    ROW_NUMBER() OVER (
      PARTITION BY e.capture_id, e.first_line, s.interface ORDER BY s.start_us DESC NULLS LAST, s.flow_number
    ) AS place
  FROM legs AS s
  INNER JOIN addressed AS e ON e.client_socket_number = s.client_socket_number AND e.src_port = s.src_port
  WHERE COALESCE(s.start_us <= e.last_us, TRUE)
),
seen AS (
  SELECT flow_number, CAST(SUM(packet_count) AS BIGINT) AS packet_count
  FROM pairs
  WHERE place = 1
  GROUP BY flow_number, capture_id, interface
),
counted AS (
  SELECT flow_number, MAX(packet_count) AS icmp_error_count FROM seen GROUP BY flow_number
),
named AS (
  SELECT flow_number, ARRAY_TO_STRING(LIST_SORT(LIST(DISTINCT error)), ', ') AS icmp_errors
  FROM pairs
  WHERE place = 1
  GROUP BY flow_number
)
SELECT c.flow_number, c.icmp_error_count, n.icmp_errors
FROM counted AS c
INNER JOIN named AS n ON n.flow_number = c.flow_number
