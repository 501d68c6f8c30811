-- about: One row per connection that has an ingress leg, no leg after NAT, and an unmatched leg that could be its own: a leg
-- about: after NAT without an ingress leg, to an endpoint that the rules allow, from the same node or the same client socket, at
-- about: the same time, whose SYN (if seen) has the same sequence number. Such a connection did not certainly stay on its node.
-- about: "At the same time" is within 0.1 s on one node and within 0.5 s by the reference clock on two; without a reference
-- about: clock every time counts.
-- about: A connection without a fingerprint has one more: whatever its node sends to a socket that is unknown, on another node,
-- about: on a port that its rules translate to. Rules can be older than the pods, so this may be an endpoint.
-- grain: connection
-- key: connection_key
-- store: no
WITH lone_post_nat_legs AS (
  SELECT l.node, l.protocol, l.src_ip, l.src_port, l.src_node, l.dst_port, l.dst_ip, l.tcp_isn, l.corrected_start_us,
    l.corrected_start_us + l.end_us - l.start_us AS until_us, l.is_clock_corrected
  FROM connection_legs AS l
  WHERE l.is_post_nat AND NOT l.has_ingress
),
legs_to_unknown_sockets AS (
  SELECT DISTINCT src_node, protocol, dst_port
  FROM connection_legs
  WHERE leg = 'unknown' AND NOT has_fingerprint AND src_node IS NOT NULL AND dst_node IS DISTINCT FROM src_node
),
lone_ingress_legs AS (
  SELECT l.connection_key, l.has_fingerprint, l.node, l.rules_node, l.protocol, l.src_ip, l.src_port, l.dst_ip, l.dst_port,
    l.source_class, l.tcp_isn, l.corrected_start_us, l.corrected_start_us + l.end_us - l.start_us AS until_us, l.is_clock_corrected
  FROM connection_legs AS l
  WHERE l.leg = 'ingress' AND NOT l.has_post_nat
)
SELECT DISTINCT i.connection_key
FROM lone_ingress_legs AS i
INNER JOIN decisions AS d
  ON d.node = i.rules_node AND d.protocol = i.protocol AND d.dst_ip = i.dst_ip AND d.dst_port = i.dst_port
  AND d.source_class = i.source_class
INNER JOIN lone_post_nat_legs AS a ON a.protocol = i.protocol AND a.dst_ip = d.endpoint_ip AND a.dst_port = d.endpoint_port
WHERE (a.src_node = i.rules_node OR (a.src_ip = i.src_ip AND a.src_port = i.src_port))
  AND COALESCE(a.tcp_isn = i.tcp_isn, TRUE)
  AND COALESCE(CASE
    WHEN a.node = i.node THEN a.corrected_start_us <= i.until_us + 100000 AND a.until_us >= i.corrected_start_us - 100000
    WHEN a.is_clock_corrected AND i.is_clock_corrected THEN a.corrected_start_us <= i.until_us + 500000 AND a.until_us >= i.corrected_start_us - 500000
  END, TRUE)
UNION
SELECT i.connection_key
FROM lone_ingress_legs AS i
INNER JOIN decisions AS d
  ON d.node = i.rules_node AND d.protocol = i.protocol AND d.dst_ip = i.dst_ip AND d.dst_port = i.dst_port
  AND d.source_class = i.source_class
INNER JOIN legs_to_unknown_sockets AS u
  ON u.src_node = i.rules_node AND u.protocol = i.protocol AND u.dst_port = d.endpoint_port
WHERE NOT i.has_fingerprint
