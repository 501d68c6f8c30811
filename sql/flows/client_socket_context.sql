-- about: One row per row of `client_sockets`, with what rules and objects show about it at any time.
-- about: `rules_node` is the node whose rules translate packets to a service address: the node that captured them, or for a
-- about: node port the node that owns the address. The table `connections` calls this node `ingress_node`.
-- about: `object_service` is the Service that objects name for the socket during the captures; NULL where several do.
-- about: Addresses have numbers too, in the order of their text: comparing numbers costs less.
-- grain: sender and socket on one node
-- key: node, src_ip, protocol, dst_ip, dst_port
-- store: no
WITH client_addresses AS (
  SELECT src_ip AS ip FROM client_sockets
  UNION
  SELECT dst_ip FROM client_sockets
),
address_numbers AS (
  SELECT ip, ROW_NUMBER() OVER (ORDER BY ip NULLS LAST) AS address_number FROM client_addresses
),
captured AS (
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
nodes_with_rules AS (
  SELECT node FROM rules
  GROUP BY node
  HAVING COUNT(CASE WHEN chain = '(cut short)' THEN 1 END) = 0
    AND COUNT(CASE WHEN chain LIKE 'KUBE-S%' OR target LIKE 'KUBE-S%' OR table_name IN ('kube-proxy', 'ipvs') THEN 1 END) > 0
),
service_decisions AS (
  SELECT * FROM decision_summary WHERE NOT (certain AND verdict IN ('none', 'accept'))
),
matched AS (
  SELECT
    c.*,
    o.owner_node AS dst_owner_node,
    r.node IS NOT NULL AS has_rules,
    w.node IS NOT NULL AS owner_has_rules,
    h.trace_id IS NOT NULL AS is_decided_on_node,
    t.trace_id IS NOT NULL AS is_decided_on_owner,
    f.protocol IS NOT NULL AS is_frontend,
    n.protocol IS NOT NULL AS is_node_port,
    COALESCE(f.service, n.service) AS object_service,
    COALESCE(f.service_port, n.service_port) AS object_service_port,
    e.ip IS NOT NULL AS is_to_endpoint,
    a.owner_node AS src_node,
    k.source_class AS node_source_class,
    q.source_class AS owner_source_class,
    x.address_number AS src_address_number,
    y.address_number AS dst_address_number
  FROM client_sockets AS c
  LEFT JOIN addresses AS o ON o.ip = c.dst_ip
  LEFT JOIN addresses AS a ON a.ip = c.src_ip
  LEFT JOIN nodes_with_rules AS r ON r.node = c.node
  LEFT JOIN nodes_with_rules AS w ON w.node = o.owner_node
  LEFT JOIN source_classes AS k ON k.node = c.node AND k.src_ip = c.src_ip
  LEFT JOIN source_classes AS q ON q.node = o.owner_node AND q.src_ip = c.src_ip AND o.owner_node <> c.node
  LEFT JOIN service_decisions AS h
    ON h.node = c.node AND h.protocol = c.protocol AND h.dst_ip = c.dst_ip AND h.dst_port = c.dst_port
    AND h.source_class = k.source_class
  LEFT JOIN service_decisions AS t
    ON t.node = o.owner_node AND t.protocol = c.protocol AND t.dst_ip = c.dst_ip AND t.dst_port = c.dst_port
    AND t.source_class = q.source_class
  LEFT JOIN frontends AS f ON f.protocol = c.protocol AND f.ip = c.dst_ip AND f.port = c.dst_port
  LEFT JOIN frontends AS n ON n.protocol = c.protocol AND n.ip IS NULL AND n.port = c.dst_port
  LEFT JOIN endpoint_services AS e ON e.protocol = c.protocol AND e.ip = c.dst_ip AND e.port = c.dst_port
  LEFT JOIN address_numbers AS x ON x.ip = c.src_ip
  LEFT JOIN address_numbers AS y ON y.ip = c.dst_ip
)
SELECT
  client_socket_number, node, src_ip, protocol, dst_ip, dst_port, src_address_number, dst_address_number, has_rules,
  object_service, object_service_port, is_to_endpoint, src_node,
  CASE WHEN is_decided_on_node THEN node_source_class WHEN is_decided_on_owner THEN owner_source_class END AS source_class,
  CASE
    -- the rules of the capturing node translate it, or those of the node that owns the address
    WHEN is_decided_on_node THEN node
    WHEN is_decided_on_owner THEN dst_owner_node
    -- without rules, the objects show a service address, or a node port
    WHEN NOT has_rules AND is_frontend THEN node
    WHEN NOT owner_has_rules AND is_node_port THEN dst_owner_node
  END AS rules_node
FROM matched
