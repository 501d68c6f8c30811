-- about: What rules and objects make of a sender and a socket, whenever it is. `rules_node` is the node that translates what is
-- about: sent to a service's address: the node it was seen on, or, for a node port, the one that owns the address. A Service
-- about: counts if it was there during the capture; of two, none is named.
-- grain: sender and socket on one node
-- key: node, src_ip, protocol, dst_ip, dst_port
-- store: no
WITH captured AS (
  SELECT MIN(first_us) AS first_us, MAX(last_us) AS last_us FROM captures
),
frontends AS (
  SELECT
    protocol, ip, port,
    CASE WHEN COUNT(DISTINCT service) = 1 THEN MIN(service) END AS service,
    CASE WHEN COUNT(DISTINCT service) = 1 THEN MIN(service_port) END AS service_port
  FROM service_ports
  CROSS JOIN captured
  WHERE (ip IS NOT NULL OR kind = 'node-port')
    AND COALESCE(valid_from_us <= last_us, TRUE) AND COALESCE(valid_to_us + 1000000 > first_us, TRUE)
  GROUP BY protocol, ip, port
),
ruled_nodes AS (
  SELECT node FROM rules
  GROUP BY node
  HAVING COUNT(CASE WHEN chain = '(cut short)' THEN 1 END) = 0
    AND COUNT(CASE WHEN chain LIKE 'KUBE-S%' OR target LIKE 'KUBE-S%' OR table_name IN ('kube-proxy', 'ipvs') THEN 1 END) > 0
),
deciding AS (
  SELECT * FROM decision_summary WHERE NOT (certain AND verdict IN ('none', 'accept'))
),
seen AS (
  SELECT
    c.*,
    o.owner_node AS owner,
    r.node IS NOT NULL AS has_rules,
    w.node IS NOT NULL AS owner_has_rules,
    h.trace_id IS NOT NULL AS decided_here,
    t.trace_id IS NOT NULL AS decided_there,
    f.protocol IS NOT NULL AS is_frontend,
    n.protocol IS NOT NULL AS is_node_port,
    COALESCE(f.service, n.service) AS object_service,
    COALESCE(f.service_port, n.service_port) AS object_service_port,
    e.ip IS NOT NULL AS is_to_endpoint,
    a.owner_node AS src_node,
    k.source_class AS class_here,
    q.source_class AS class_there,
    x.host AS src_address_number,
    y.host AS dst_address_number
  FROM client_sockets AS c
  LEFT JOIN addresses AS o ON o.ip = c.dst_ip
  LEFT JOIN addresses AS a ON a.ip = c.src_ip
  LEFT JOIN ruled_nodes AS r ON r.node = c.node
  LEFT JOIN ruled_nodes AS w ON w.node = o.owner_node
  LEFT JOIN source_classes AS k ON k.node = c.node AND k.src_ip = c.src_ip
  LEFT JOIN source_classes AS q ON q.node = o.owner_node AND q.src_ip = c.src_ip AND o.owner_node <> c.node
  LEFT JOIN deciding AS h
    ON h.node = c.node AND h.protocol = c.protocol AND h.dst_ip = c.dst_ip AND h.dst_port = c.dst_port
    AND h.source_class = k.source_class
  LEFT JOIN deciding AS t
    ON t.node = o.owner_node AND t.protocol = c.protocol AND t.dst_ip = c.dst_ip AND t.dst_port = c.dst_port
    AND t.source_class = q.source_class
  LEFT JOIN frontends AS f ON f.protocol = c.protocol AND f.ip = c.dst_ip AND f.port = c.dst_port
  LEFT JOIN frontends AS n ON n.protocol = c.protocol AND n.ip IS NULL AND n.port = c.dst_port
  LEFT JOIN endpoint_services AS e ON e.protocol = c.protocol AND e.ip = c.dst_ip AND e.port = c.dst_port
  LEFT JOIN address_numbers AS x ON x.ip = c.src_ip
  LEFT JOIN address_numbers AS y ON y.ip = c.dst_ip
)
SELECT
  client_socket_number, node, src_ip, protocol, dst_ip, dst_port, src_address_number, dst_address_number, has_rules, object_service, object_service_port, is_to_endpoint, src_node,
  CASE WHEN decided_here THEN class_here WHEN decided_there THEN class_there END AS source_class,
  CASE
    WHEN decided_here THEN node
    WHEN decided_there THEN owner
    WHEN NOT has_rules AND is_frontend THEN node
    WHEN NOT owner_has_rules AND is_node_port THEN owner
  END AS rules_node
FROM seen
