-- about: Answered requests by the client's own count, and how many of them the captures can hold at most: where the client says
-- about: its ports, those seen (if its address is seen at all); else all requests to Services, if the export counts requests.
-- about: By the client's clock, only requests that it made while packets were captured count.
-- grain: input file
-- key: capture_id
-- store: no
WITH captured AS (
  SELECT MIN(first_us) AS first_us, MAX(last_us) AS last_us FROM captures
),
answered AS (
  SELECT r.capture_id, r.client_ip, r.client_port, r.server_ip, r.server_port
  FROM client_requests AS r
  CROSS JOIN captured AS t
  WHERE r.status > 0 AND COALESCE(r.ts_us - r.duration_us >= t.first_us AND r.ts_us <= t.last_us, TRUE)
),
clients AS (
  SELECT DISTINCT client_ip FROM answered WHERE client_port IS NOT NULL
),
seen AS (
  SELECT DISTINCT s.src_ip, s.src_port, s.dst_ip, s.dst_port
  FROM directed_flows AS s
  INNER JOIN clients AS c ON c.client_ip = s.src_ip
),
seen_clients AS (
  SELECT DISTINCT src_ip FROM seen
),
told AS (
  SELECT a.capture_id, COUNT(*) AS request_count, COUNT(s.src_port) AS captured_count
  FROM answered AS a
  INNER JOIN seen_clients AS c ON c.src_ip = a.client_ip
  LEFT JOIN seen AS s
    ON s.src_ip = a.client_ip AND s.src_port = a.client_port AND s.dst_ip = a.server_ip AND s.dst_port = a.server_port
  WHERE a.client_port IS NOT NULL
  GROUP BY a.capture_id
),
served AS (
  SELECT CAST(SUM(request_count) AS BIGINT) AS captured_count FROM connections WHERE service IS NOT NULL
),
counted AS (
  SELECT a.capture_id, COUNT(*) AS request_count FROM answered AS a WHERE a.client_port IS NULL GROUP BY a.capture_id
),
every AS (
  SELECT capture_id, request_count, captured_count FROM told
  UNION ALL
  SELECT c.capture_id, c.request_count, s.captured_count
  FROM counted AS c
  CROSS JOIN served AS s
  WHERE s.captured_count IS NOT NULL
)
SELECT e.capture_id, c.file, e.request_count, e.captured_count
FROM every AS e
INNER JOIN captures AS c ON c.capture_id = e.capture_id
