-- about: Sightings with the part they play: ingress (to a service's address), forward or delivery (to an endpoint).
-- about: `rules_node` is the node that translates an ingress leg: the node it was seen on, or, for a node port, the one
-- about: that owns the address. `at_us` is its begin by the clock that all nodes are held against. A Service counts if it was there during the capture; of two, none is named.
-- grain: conversation at one vantage
-- key: flow_id
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
  SELECT node FROM rules GROUP BY node HAVING COUNT(CASE WHEN chain = '(cut short)' THEN 1 END) = 0
),
deciding AS (
  SELECT * FROM choices WHERE NOT (certain AND verdict IN ('none', 'accept'))
),
seen AS (
  SELECT
    s.*,
    s.start_us - COALESCE(i.ahead_us, 0) AS at_us,
    i.ahead_us IS NOT NULL AS has_clock,
    o.owner_node AS owner,
    r.node IS NOT NULL AS has_rules,
    w.node IS NOT NULL AS owner_has_rules,
    h.trace_id IS NOT NULL AS decided_here,
    t.trace_id IS NOT NULL AS decided_there,
    f.protocol IS NOT NULL AS is_frontend,
    n.protocol IS NOT NULL AS is_node_port,
    f.service AS frontend_service,
    f.service_port AS frontend_service_port,
    n.service AS node_port_service,
    n.service_port AS node_port_service_port,
    k.source_class AS class_here,
    q.source_class AS class_there
  FROM sightings AS s
  LEFT JOIN clocks AS i ON i.node = s.node
  LEFT JOIN addresses AS o ON o.ip = s.dst_ip
  LEFT JOIN ruled_nodes AS r ON r.node = s.node
  LEFT JOIN ruled_nodes AS w ON w.node = o.owner_node
  LEFT JOIN source_classes AS k ON k.node = s.node AND k.src_ip = s.src_ip
  LEFT JOIN source_classes AS q ON q.node = o.owner_node AND q.src_ip = s.src_ip AND o.owner_node <> s.node
  LEFT JOIN deciding AS h
    ON h.node = s.node AND h.protocol = s.protocol AND h.dst_ip = s.dst_ip AND h.dst_port = s.dst_port
    AND h.source_class = k.source_class
  LEFT JOIN deciding AS t
    ON t.node = o.owner_node AND t.protocol = s.protocol AND t.dst_ip = s.dst_ip AND t.dst_port = s.dst_port
    AND t.source_class = q.source_class
  LEFT JOIN frontends AS f ON f.protocol = s.protocol AND f.ip = s.dst_ip AND f.port = s.dst_port
  LEFT JOIN frontends AS n ON n.protocol = s.protocol AND n.ip IS NULL AND n.port = s.dst_port
),
placed AS (
  SELECT
    s.*,
    CASE
      WHEN decided_here THEN node
      WHEN decided_there THEN owner
      WHEN NOT has_rules AND is_frontend THEN node
      WHEN NOT owner_has_rules AND is_node_port THEN owner
    END AS rules_node
  FROM seen AS s
)
SELECT
  s.* EXCLUDE (owner, owner_has_rules, is_frontend, is_node_port, frontend_service, frontend_service_port, node_port_service,
    node_port_service_port, class_here, class_there, decided_here, decided_there),
  CASE WHEN s.decided_here THEN s.class_here WHEN s.decided_there THEN s.class_there END AS source_class,
  COALESCE(s.frontend_service, s.node_port_service) AS object_service,
  COALESCE(s.frontend_service_port, s.node_port_service_port) AS object_service_port,
  e.ip IS NOT NULL AS to_endpoint,
  d.node AS dst_node,
  a.owner_node AS src_node,
  CASE
    WHEN s.rules_node IS NOT NULL THEN 'ingress'
    WHEN e.ip IS NOT NULL AND d.node = s.node THEN 'delivery'
    WHEN e.ip IS NOT NULL AND d.node <> s.node THEN 'forward'
    ELSE 'unknown'
  END AS leg
FROM placed AS s
LEFT JOIN endpoint_owners AS e ON e.protocol = s.protocol AND e.ip = s.dst_ip AND e.port = s.dst_port
LEFT JOIN places AS d
  ON d.ip = s.dst_ip AND COALESCE(s.at_us, -1) >= d.since_us AND COALESCE(s.at_us, -1) < d.until_us
LEFT JOIN addresses AS a ON a.ip = s.src_ip
