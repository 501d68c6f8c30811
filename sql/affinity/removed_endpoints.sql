-- about: Endpoints gone by the time their client's next connection went to another one: the node's rules, or the ready
-- about: endpoints of the Service, have the new one and not the old one; or the pod that had the address had ended.
-- grain: connection
-- key: connection_id
-- store: no
WITH moves AS (
  SELECT * FROM affinity_history WHERE previous_ip IS NOT NULL AND pod_ip IS NOT NULL
    AND (previous_ip <> pod_ip OR previous_port <> pod_port)
),
ruled AS (
  SELECT DISTINCT node, protocol, service, endpoint_ip AS ip, endpoint_port AS port FROM decisions
),
ready AS (
  SELECT DISTINCT protocol, service, ip, port FROM endpoints WHERE COALESCE(ready, TRUE)
),
ended AS (
  SELECT ip, MAX(COALESCE(valid_to_us, 9000000000000000000)) AS end_us FROM pods GROUP BY ip
)
SELECT m.connection_id
FROM moves AS m
LEFT JOIN ruled AS n
  ON n.node = m.rules_node AND n.protocol = m.protocol AND n.service = m.service AND n.ip = m.pod_ip
  AND n.port = m.pod_port
LEFT JOIN ruled AS o
  ON o.node = m.rules_node AND o.protocol = m.protocol AND o.service = m.service AND o.ip = m.previous_ip
  AND o.port = m.previous_port
LEFT JOIN ready AS r
  ON r.protocol = m.protocol AND r.service = m.service AND r.ip = m.pod_ip AND r.port = m.pod_port
LEFT JOIN ready AS s
  ON s.protocol = m.protocol AND s.service = m.service AND s.ip = m.previous_ip AND s.port = m.previous_port
LEFT JOIN ended AS e ON e.ip = m.previous_ip
WHERE (n.ip IS NOT NULL AND o.ip IS NULL) OR (r.ip IS NOT NULL AND s.ip IS NULL) OR COALESCE(e.end_us < m.corrected_start_us, FALSE)
