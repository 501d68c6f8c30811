-- about: Connections whose client was pushed out of its previous endpoint's list, which holds 100 addresses a node: 100
-- about: other clients went to that endpoint since (among the next 1,000 connections there), or a dump of the list, made
-- about: after the last client went there, has 100 addresses and not this one.
-- grain: connection
-- key: connection_id
-- store: no
WITH moves AS (
  SELECT * FROM affinity_history WHERE previous_ip IS NOT NULL AND pod_ip IS NOT NULL
    AND (previous_ip <> pod_ip OR previous_port <> pod_port)
),
steps AS (
  SELECT 0 AS step UNION ALL SELECT 1 AS step
),
windows AS (
  SELECT m.*, CAST(floor(CAST(m.previous_place AS DOUBLE) / 1000) AS BIGINT) + s.step AS bucket
  FROM moves AS m
  CROSS JOIN steps AS s
),
entries AS (
  SELECT t.*, CAST(floor(CAST(t.place AS DOUBLE) / 1000) AS BIGINT) AS bucket FROM affinity_history AS t WHERE t.pod_ip IS NOT NULL
),
counted AS (
  SELECT w.connection_id
  FROM windows AS w
  INNER JOIN entries AS e
    ON e.rules_node = w.rules_node AND e.protocol = w.protocol AND e.service = w.service
    AND COALESCE(e.service_port, 0) = COALESCE(w.service_port, 0)
    AND e.pod_ip = w.previous_ip AND e.pod_port = w.previous_port AND e.bucket = w.bucket
    AND e.place > w.previous_place AND e.place <= w.previous_place + 1000 AND e.corrected_start_us < w.corrected_start_us
  WHERE e.src_ip <> w.src_ip
  GROUP BY w.connection_id
  HAVING COUNT(DISTINCT e.src_ip) >= 100
),
last_clients AS (
  SELECT rules_node, protocol, service, pod_ip, pod_port, ARG_MAX(src_ip, place) AS src_ip
  FROM affinity_history
  GROUP BY rules_node, protocol, service, service_port, pod_ip, pod_port
),
dumped AS (
  SELECT m.connection_id
  FROM moves AS m
  INNER JOIN recent_lists AS l
    ON l.node = m.rules_node AND l.is_full AND l.endpoint
      = CASE WHEN m.previous_ip LIKE '%:%' THEN '[' || m.previous_ip || ']' ELSE m.previous_ip END
      || ':' || CAST(m.previous_port AS VARCHAR)
  INNER JOIN last_clients AS z
    ON z.rules_node = m.rules_node AND z.protocol = m.protocol AND z.service = m.service AND z.pod_ip = m.previous_ip
    AND z.pod_port = m.previous_port
  INNER JOIN recent_clients AS y
    ON y.node = l.node AND y.capture_id = l.capture_id AND y.list_name = l.list_name AND y.ip = z.src_ip
  LEFT JOIN recent_clients AS c
    ON c.node = l.node AND c.capture_id = l.capture_id AND c.list_name = l.list_name AND c.ip = m.src_ip
  WHERE c.ip IS NULL
)
SELECT connection_id FROM counted
UNION
SELECT connection_id FROM dumped
