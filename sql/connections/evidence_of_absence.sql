-- about: Classes of packets where a connection that shows no leg to another node must have stayed: forwarding to every
-- about: remote endpoint's node would have been seen, for other connections to that port were, leaving here and arriving there.
-- grain: class of packets on one node
-- key: node, protocol, dst_ip, dst_port, source_class
-- store: no
WITH ways AS (
  SELECT DISTINCT client_socket_number, leg, dst_node FROM legs WHERE leg IN ('forward', 'delivery')
),
legs_seen AS (
  SELECT c.node, c.protocol, c.dst_port, c.src_node, w.leg, w.dst_node
  FROM ways AS w
  INNER JOIN client_socket_context AS c ON c.client_socket_number = w.client_socket_number
),
leaving AS (
  SELECT DISTINCT node, protocol, dst_port, dst_node FROM legs_seen WHERE leg = 'forward'
),
arriving AS (
  SELECT DISTINCT node, protocol, dst_port FROM legs_seen WHERE leg = 'delivery' AND src_node <> node
),
shown AS (
  SELECT DISTINCT node, protocol, dst_port FROM legs_seen
),
ends AS (
  SELECT
    d.node, d.protocol, d.dst_ip, d.dst_port, d.source_class, d.endpoint_ip, d.endpoint_port,
    COALESCE(p.node = d.node, FALSE) AS is_local,
    h.node IS NOT NULL AND (n.node IS NOT NULL OR p.node = d.node) AS is_captured,
    l.node IS NOT NULL AND a.node IS NOT NULL AS is_seen,
    w.node IS NOT NULL AS is_shown
  FROM decisions AS d
  LEFT JOIN address_owners AS p ON p.ip = d.endpoint_ip AND p.valid_from_us = -1
  LEFT JOIN captured_nodes AS h ON h.node = d.node
  LEFT JOIN captured_nodes AS n ON n.node = p.node
  LEFT JOIN leaving AS l
    ON l.node = d.node AND l.protocol = d.protocol AND l.dst_port = d.endpoint_port AND l.dst_node = p.node
  LEFT JOIN arriving AS a ON a.node = p.node AND a.protocol = d.protocol AND a.dst_port = d.endpoint_port
  LEFT JOIN shown AS w ON w.node = d.node AND w.protocol = d.protocol AND w.dst_port = d.endpoint_port
  WHERE d.endpoint_ip IS NOT NULL
)
SELECT
  node, protocol, dst_ip, dst_port, source_class,
  COUNT(*) FILTER (WHERE is_local) AS local_count,
  CASE WHEN COUNT(*) FILTER (WHERE is_local) = 1 THEN MIN(endpoint_ip) FILTER (WHERE is_local) END AS local_ip,
  CASE WHEN COUNT(*) FILTER (WHERE is_local) = 1 THEN MIN(endpoint_port) FILTER (WHERE is_local) END AS local_port,
  BOOL_AND(is_captured) AS all_captured,
  BOOL_AND(is_captured AND (is_local OR is_seen)) AS all_seen,
  BOOL_AND(is_shown) AS all_shown
FROM ends
GROUP BY node, protocol, dst_ip, dst_port, source_class
