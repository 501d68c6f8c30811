-- about: One row per connection that its endpoint's xt_recent list should hold and does not: the packets or the dump are wrong.
-- about: The list should hold the client if it was dumped after the connection (it has the last client that went there), is not
-- about: full, and the connection's timeout was not over when the capture ended.
-- grain: connection
-- key: connection_id
-- store: no
WITH last_visits AS (
  SELECT
    rules_node, protocol, service, service_port, pod_ip, pod_port,
    ARG_MAX(src_ip, position) AS last_ip,
    MAX(position) AS last_position
  FROM affinity_history
  WHERE pod_ip IS NOT NULL
  GROUP BY rules_node, protocol, service, service_port, pod_ip, pod_port
),
last_times AS (
  SELECT rules_node, protocol, service, service_port, MAX(corrected_start_us) AS end_us
  FROM affinity_history
  GROUP BY rules_node, protocol, service, service_port
)
SELECT
  h.connection_id, h.rules_node AS node, h.src_ip, l.list_name,
  MIN(l.capture_id) AS capture_id
FROM affinity_history AS h
INNER JOIN last_visits AS z
  ON z.rules_node = h.rules_node AND z.protocol = h.protocol AND z.service = h.service
  AND COALESCE(z.service_port, 0) = COALESCE(h.service_port, 0) AND z.pod_ip = h.pod_ip AND z.pod_port = h.pod_port
  AND z.last_position > h.position
INNER JOIN last_times AS e
  ON e.rules_node = h.rules_node AND e.protocol = h.protocol AND e.service = h.service
  AND COALESCE(e.service_port, 0) = COALESCE(h.service_port, 0)
  AND e.end_us - h.corrected_start_us < CAST(h.min_affinity_s AS BIGINT) * 1000000
INNER JOIN recent_lists AS l
  ON l.node = h.rules_node AND NOT l.is_full AND l.endpoint
    = CASE WHEN h.pod_ip LIKE '%:%' THEN '[' || h.pod_ip || ']' ELSE h.pod_ip END || ':' || CAST(h.pod_port AS VARCHAR)
INNER JOIN recent_clients AS y
  ON y.node = l.node AND y.capture_id = l.capture_id AND y.list_name = l.list_name AND y.ip = z.last_ip
LEFT JOIN recent_clients AS c
  ON c.node = l.node AND c.capture_id = l.capture_id AND c.list_name = l.list_name AND c.ip = h.src_ip
WHERE c.ip IS NULL
GROUP BY h.connection_id, h.rules_node, h.src_ip, l.list_name
