-- about: Connections that the node's own list of their endpoint's clients does not show, though it was dumped after them (it
-- about: has the last client there), was not full, and their time was not over: the packets or the dump tell it wrong.
-- grain: connection
-- key: connection_id
-- store: no
WITH latest AS (
  SELECT
    rules_node, protocol, service, service_port, pod_ip, pod_port,
    ARG_MAX(src_ip, place) AS last_ip,
    MAX(place) AS last_place
  FROM affinity_history
  WHERE pod_ip IS NOT NULL
  GROUP BY rules_node, protocol, service, service_port, pod_ip, pod_port
),
ends AS (
  SELECT rules_node, protocol, service, service_port, MAX(corrected_start_us) AS end_us
  FROM affinity_history
  GROUP BY rules_node, protocol, service, service_port
)
SELECT
  t.connection_id, t.rules_node AS node, t.src_ip, l.list_name,
  MIN(l.capture_id) AS capture_id
FROM affinity_history AS t
INNER JOIN latest AS z
  ON z.rules_node = t.rules_node AND z.protocol = t.protocol AND z.service = t.service
  AND COALESCE(z.service_port, 0) = COALESCE(t.service_port, 0) AND z.pod_ip = t.pod_ip AND z.pod_port = t.pod_port
  AND z.last_place > t.place
INNER JOIN ends AS e
  ON e.rules_node = t.rules_node AND e.protocol = t.protocol AND e.service = t.service
  AND COALESCE(e.service_port, 0) = COALESCE(t.service_port, 0)
  AND e.end_us - t.corrected_start_us < CAST(t.affinity_least_s AS BIGINT) * 1000000
INNER JOIN recent_lists AS l
  ON l.node = t.rules_node AND NOT l.is_full AND l.endpoint
    = CASE WHEN t.pod_ip LIKE '%:%' THEN '[' || t.pod_ip || ']' ELSE t.pod_ip END || ':' || CAST(t.pod_port AS VARCHAR)
INNER JOIN recent_clients AS y
  ON y.node = l.node AND y.capture_id = l.capture_id AND y.list_name = l.list_name AND y.ip = z.last_ip
LEFT JOIN recent_clients AS c
  ON c.node = l.node AND c.capture_id = l.capture_id AND c.list_name = l.list_name AND c.ip = t.src_ip
WHERE c.ip IS NULL
GROUP BY t.connection_id, t.rules_node, t.src_ip, l.list_name
