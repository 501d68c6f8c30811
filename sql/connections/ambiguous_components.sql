-- about: One row per connected component that is not one connection, so its members cannot be joined by fingerprint. Two
-- about: connections can have one fingerprint by chance: a SYN without a timestamp has 32 bits of sequence number only.
-- about: A component is ambiguous if its SYNs have several sequence numbers, or if one node shows, more than a second apart, two
-- about: clients before NAT, or two sockets after NAT that both answered or carried data.
-- about: Legs that start within a second are taken for one connection: a packet may be seen several times on its way through
-- about: a node, each time half rewritten. A leg after NAT that nobody answered is a dead attempt and does not count.
-- grain: ambiguous connected component
-- key: component
-- store: no
WITH suspects AS (
  SELECT
    f.component,
    MAX(l.start_us) - MIN(l.start_us) > 1000000 AS is_long,
    MIN(l.tcp_isn) <> MAX(l.tcp_isn) AS has_several_syns
  FROM fingerprint_components AS f
  INNER JOIN legs AS l ON l.flow_number = f.flow_number
  GROUP BY f.component
  HAVING MAX(l.start_us) - MIN(l.start_us) > 1000000 OR MIN(l.tcp_isn) <> MAX(l.tcp_isn)
),
suspect_flows AS (
  SELECT f.flow_number, f.component
  FROM fingerprint_components AS f
  INNER JOIN suspects AS s ON s.component = f.component AND s.is_long
),
sides_of_nat AS (
  SELECT s.component, c.node, l.leg = 'ingress' AS is_before_nat, l.start_us, c.src_ip, l.src_port, c.dst_ip, c.dst_port
  FROM legs AS l
  INNER JOIN suspect_flows AS s ON s.flow_number = l.flow_number
  INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
  WHERE l.leg = 'ingress'
    OR (l.leg IN ('forward', 'delivery') AND (l.synack_count > 0 OR COALESCE(l.payload_bytes, 0) > 0))
)
SELECT component
FROM sides_of_nat
GROUP BY component, node, is_before_nat
HAVING MAX(start_us) - MIN(start_us) > 1000000
  AND (MIN(src_ip) <> MAX(src_ip) OR MIN(src_port) <> MAX(src_port)
    OR MIN(dst_ip) <> MAX(dst_ip) OR MIN(dst_port) <> MAX(dst_port))
UNION
SELECT component FROM suspects WHERE has_several_syns
