-- about: Sightings with the part they play: ingress (to a service's address), forward or delivery (to an endpoint).
-- grain: conversation at one vantage
-- key: flow_id
-- store: no
WITH ruled_nodes AS (
  SELECT DISTINCT node FROM rules
),
frontends AS (
  SELECT protocol, ip, port, MIN(service) AS service, MIN(service_port) AS service_port
  FROM service_ports
  WHERE ip IS NOT NULL
  GROUP BY protocol, ip, port
),
node_ports AS (
  SELECT protocol, port, MIN(service) AS service, MIN(service_port) AS service_port
  FROM service_ports
  WHERE kind = 'node-port'
  GROUP BY protocol, port
)
SELECT
  s.*,
  r.node IS NOT NULL AS has_rules,
  c.source_class,
  c.trace_id,
  COALESCE(f.service, n.service) AS object_service,
  COALESCE(f.service_port, n.service_port) AS object_service_port,
  e.ip IS NOT NULL AS to_endpoint,
  d.node AS dst_node,
  a.owner_node AS src_node,
  CASE
    WHEN c.trace_id IS NOT NULL AND NOT (c.certain AND c.verdict IN ('none', 'accept')) THEN 'ingress'
    WHEN r.node IS NULL AND COALESCE(f.service, n.service) IS NOT NULL THEN 'ingress'
    WHEN e.ip IS NOT NULL AND d.node = s.node THEN 'delivery'
    WHEN e.ip IS NOT NULL AND d.node <> s.node THEN 'forward'
    ELSE 'unknown'
  END AS leg
FROM sightings AS s
LEFT JOIN ruled_nodes AS r ON r.node = s.node
LEFT JOIN source_classes AS k ON k.node = s.node AND k.src_ip = s.src_ip
LEFT JOIN choices AS c
  ON c.node = s.node AND c.protocol = s.protocol AND c.dst_ip = s.dst_ip AND c.dst_port = s.dst_port
  AND c.source_class = k.source_class
LEFT JOIN frontends AS f ON f.protocol = s.protocol AND f.ip = s.dst_ip AND f.port = s.dst_port
LEFT JOIN addresses AS o ON o.ip = s.dst_ip
LEFT JOIN node_ports AS n ON n.protocol = s.protocol AND n.port = s.dst_port AND o.owner_node = s.node
LEFT JOIN endpoint_owners AS e ON e.protocol = s.protocol AND e.ip = s.dst_ip AND e.port = s.dst_port
LEFT JOIN places AS d ON d.ip = s.dst_ip
LEFT JOIN addresses AS a ON a.ip = s.src_ip
