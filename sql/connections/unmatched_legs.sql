-- about: Ingress legs without a leg after translation, beside which a leg was seen that joined to nothing and could be
-- about: theirs: from the same node, or with the same client socket, at the time, and not told apart by their SYNs.
-- about: A leg seen on another node counts within half a second by the common clock, and at any time where there is none.
-- about: Without marks, what a node sends at any time to an unknown socket elsewhere, of a port its rules translate to, may be
-- about: theirs too: rules can be older than the pods.
-- grain: connection
-- key: connection_key
-- store: no
WITH lone_post_nat_legs AS (
  SELECT s.node, s.protocol, s.src_ip, s.src_port, s.src_node, s.dst_port, s.dst_ip, s.tcp_isn, s.corrected_start_us,
    s.corrected_start_us + s.end_us - s.start_us AS until_us, s.is_clock_corrected
  FROM connection_legs AS s
  WHERE s.is_post_nat AND NOT s.has_ingress
),
strays AS (
  SELECT DISTINCT src_node, protocol, dst_port
  FROM connection_legs
  WHERE leg = 'unknown' AND NOT has_fingerprint AND src_node IS NOT NULL AND dst_node IS DISTINCT FROM src_node
),
lone_ingresses AS (
  SELECT s.connection_key, s.has_fingerprint, s.node, s.rules_node, s.protocol, s.src_ip, s.src_port, s.dst_ip, s.dst_port, s.source_class,
    s.tcp_isn, s.corrected_start_us, s.corrected_start_us + s.end_us - s.start_us AS until_us, s.is_clock_corrected
  FROM connection_legs AS s
  WHERE s.leg = 'ingress' AND NOT s.has_post_nat
)
SELECT DISTINCT i.connection_key
FROM lone_ingresses AS i
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
FROM lone_ingresses AS i
INNER JOIN decisions AS d
  ON d.node = i.rules_node AND d.protocol = i.protocol AND d.dst_ip = i.dst_ip AND d.dst_port = i.dst_port
  AND d.source_class = i.source_class
INNER JOIN strays AS t ON t.src_node = i.rules_node AND t.protocol = i.protocol AND t.dst_port = d.endpoint_port
WHERE NOT i.has_fingerprint
