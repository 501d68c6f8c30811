-- about: One row per class of packets on one node, with what a missing forward leg proves there. If a connection of the class
-- about: went to a remote endpoint, two captures would show it: this node's as it leaves, and the endpoint's as it arrives. So
-- about: a connection that shows neither stayed on its node.
-- about: The proof needs captures that do show such legs. `all_captured`: this node and every endpoint's node were captured.
-- about: `all_routes_observed`: in addition, other connections to each remote endpoint's port were captured as they left this
-- about: node and as they arrived at the endpoint's node.
-- about: `all_ports_observed`: this node captured some leg to each endpoint's port, so no capture filter hides that port.
-- about: `only_local_ip` and `only_local_port`: the endpoint on this node, if there is exactly one.
-- grain: class of packets on one node
-- key: node, protocol, dst_ip, dst_port, source_class
-- store: no
WITH routes AS (
  SELECT DISTINCT client_socket_number, leg, dst_node FROM legs WHERE leg IN ('forward', 'delivery')
),
post_nat_legs AS (
  SELECT c.node, c.protocol, c.dst_port, c.src_node, r.leg, r.dst_node
  FROM routes AS r
  INNER JOIN client_socket_context AS c ON c.client_socket_number = r.client_socket_number
),
leaving AS (
  SELECT DISTINCT node, protocol, dst_port, dst_node FROM post_nat_legs WHERE leg = 'forward'
),
arriving AS (
  SELECT DISTINCT node, protocol, dst_port FROM post_nat_legs WHERE leg = 'delivery' AND src_node <> node
),
observed_ports AS (
  SELECT DISTINCT node, protocol, dst_port FROM post_nat_legs
),
endpoint_views AS (
  SELECT
    d.node, d.protocol, d.dst_ip, d.dst_port, d.source_class, d.endpoint_ip, d.endpoint_port,
    COALESCE(p.node = d.node, FALSE) AS is_local,
    h.node IS NOT NULL AND (n.node IS NOT NULL OR p.node = d.node) AS is_captured,
    l.node IS NOT NULL AND a.node IS NOT NULL AS is_route_observed,
    s.node IS NOT NULL AS is_port_observed
  FROM decisions AS d
  LEFT JOIN address_owners AS p ON p.ip = d.endpoint_ip AND p.valid_from_us = -1
  LEFT JOIN captured_nodes AS h ON h.node = d.node
  LEFT JOIN captured_nodes AS n ON n.node = p.node
  LEFT JOIN leaving AS l
    ON l.node = d.node AND l.protocol = d.protocol AND l.dst_port = d.endpoint_port AND l.dst_node = p.node
  LEFT JOIN arriving AS a ON a.node = p.node AND a.protocol = d.protocol AND a.dst_port = d.endpoint_port
  LEFT JOIN observed_ports AS s ON s.node = d.node AND s.protocol = d.protocol AND s.dst_port = d.endpoint_port
  WHERE d.endpoint_ip IS NOT NULL
)
SELECT
  node, protocol, dst_ip, dst_port, source_class,
  COUNT(*) FILTER (WHERE is_local) AS local_endpoint_count,
  CASE WHEN COUNT(*) FILTER (WHERE is_local) = 1 THEN MIN(endpoint_ip) FILTER (WHERE is_local) END AS only_local_ip,
  CASE WHEN COUNT(*) FILTER (WHERE is_local) = 1 THEN MIN(endpoint_port) FILTER (WHERE is_local) END AS only_local_port,
  BOOL_AND(is_captured) AS all_captured,
  BOOL_AND(is_captured AND (is_local OR is_route_observed)) AS all_routes_observed,
  BOOL_AND(is_port_observed) AS all_ports_observed
FROM endpoint_views
GROUP BY node, protocol, dst_ip, dst_port, source_class
