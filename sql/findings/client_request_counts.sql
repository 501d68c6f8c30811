-- about: One row per load generator's file with its answered requests, and with how many of them the captures hold at most.
-- about: If the file has the client's ports, `captured_count` counts the requests whose client socket was seen (of clients whose
-- about: address was seen at all). Otherwise it is the number of all requests to Services, if the export counts requests.
-- about: Only requests made while packets were captured count, by the client's clock.
-- about: Limit: several requests of one client socket all count as captured if the socket was seen once.
-- grain: input file
-- key: capture_id
-- store: no
WITH packet_times AS (
  SELECT MIN(first_us) AS first_us, MAX(last_us) AS last_us FROM captures
),
answered AS (
  SELECT r.capture_id, r.client_ip, r.client_port, r.server_ip, r.server_port
  FROM client_requests AS r
  CROSS JOIN packet_times AS t
  WHERE r.status > 0 AND COALESCE(r.ts_us - r.duration_us >= t.first_us AND r.ts_us <= t.last_us, TRUE)
),
clients AS (
  SELECT DISTINCT client_ip FROM answered WHERE client_port IS NOT NULL
),
seen_sockets AS (
  SELECT DISTINCT s.src_ip, s.src_port, s.dst_ip, s.dst_port
  FROM directed_flows AS s
  INNER JOIN clients AS c ON c.client_ip = s.src_ip
),
seen_clients AS (
  SELECT DISTINCT src_ip FROM seen_sockets
),
counted_by_socket AS (
  SELECT a.capture_id, COUNT(*) AS request_count, COUNT(s.src_port) AS captured_count
  FROM answered AS a
  INNER JOIN seen_clients AS c ON c.src_ip = a.client_ip
  LEFT JOIN seen_sockets AS s
    ON s.src_ip = a.client_ip AND s.src_port = a.client_port AND s.dst_ip = a.server_ip AND s.dst_port = a.server_port
  WHERE a.client_port IS NOT NULL
  GROUP BY a.capture_id
),
service_requests AS (
  SELECT CAST(SUM(request_count) AS BIGINT) AS captured_count FROM connections WHERE service IS NOT NULL
),
counted_without_ports AS (
  SELECT a.capture_id, COUNT(*) AS request_count FROM answered AS a WHERE a.client_port IS NULL GROUP BY a.capture_id
),
counts AS (
  SELECT capture_id, request_count, captured_count FROM counted_by_socket
  UNION ALL
  SELECT c.capture_id, c.request_count, s.captured_count
  FROM counted_without_ports AS c
  CROSS JOIN service_requests AS s
  WHERE s.captured_count IS NOT NULL
)
SELECT e.capture_id, c.file, e.request_count, e.captured_count
FROM counts AS e
INNER JOIN captures AS c ON c.capture_id = e.capture_id
