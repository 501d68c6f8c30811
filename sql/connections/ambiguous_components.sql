-- about: Roots of marks that do not count: two connections may share a SYN's number where it has no timestamp. Where one node shows two
-- about: clients, or two endpoints where data passed, more than a second apart, it is such a chance, and the marks do not count; nor
-- about: where the SYNs of what they join have several numbers. What is within a second everywhere is so on each node.
-- grain: root of marks
-- key: component
-- store: no
WITH spans AS (
  SELECT
    component,
    MAX(start_us) - MIN(start_us) > 1000000 AS is_long,
    MIN(tcp_isn) <> MAX(tcp_isn) AS has_several
  FROM leg_components
  WHERE component IS NOT NULL
  GROUP BY component
  HAVING MAX(start_us) - MIN(start_us) > 1000000 OR MIN(tcp_isn) <> MAX(tcp_isn)
),
suspects AS (
  SELECT r.flow_number, r.component FROM leg_components AS r INNER JOIN spans AS s ON s.component = r.component AND s.is_long
),
sides AS (
  SELECT s.component, c.node, l.leg = 'ingress' AS is_before, l.start_us, c.src_ip, l.src_port, c.dst_ip, c.dst_port
  FROM legs AS l
  INNER JOIN suspects AS s ON s.flow_number = l.flow_number
  INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
  WHERE l.leg = 'ingress'
    OR (l.leg IN ('forward', 'delivery') AND (l.synack_count > 0 OR COALESCE(l.payload_bytes, 0) > 0))
)
SELECT component
FROM sides
GROUP BY component, node, is_before
HAVING MAX(start_us) - MIN(start_us) > 1000000
  AND (MIN(src_ip) <> MAX(src_ip) OR MIN(src_port) <> MAX(src_port)
    OR MIN(dst_ip) <> MAX(dst_ip) OR MIN(dst_port) <> MAX(dst_port))
UNION
SELECT component FROM spans WHERE has_several
