-- about: One row per group of legs after NAT that belongs to a group of ingress legs by time, where neither has a fingerprint.
-- about: The two are paired if, within a second after the ingress leg, exactly one leg on the same node goes to an endpoint that
-- about: its rules allow, and that leg is no other ingress leg's candidate. Its source must match the rules: the
-- about: same address and port where they keep the source; an address of this node, and the same IP id, where they rewrite it.
-- about: Limit: on a node whose captures lost more than one packet in fifty, the only leg left may be another connection's, so
-- about: nothing is paired there.
-- grain: group of legs after NAT
-- key: post_nat_key
-- store: no
WITH lossy_nodes AS (
  SELECT c.node FROM handshake_loss AS l
  INNER JOIN captures AS c ON c.capture_id = l.capture_id
  GROUP BY c.node
  HAVING SUM(l.missing_count) * 50 > SUM(l.expected_count)
),
without_fingerprint AS (
  SELECT
    g.group_key, l.leg, l.start_us, l.src_port, l.first_ip_id,
    c.node, c.protocol, c.src_ip, c.dst_ip, c.dst_port, c.source_class, c.src_node
  FROM leg_groups AS g
  INNER JOIN legs AS l ON l.flow_number = g.flow_number
  INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
  WHERE NOT g.has_fingerprint
),
ingress_legs AS (
  SELECT w.*
  FROM without_fingerprint AS w
  INNER JOIN decision_summary AS c
    ON c.node = w.node AND c.protocol = w.protocol AND c.dst_ip = w.dst_ip AND c.dst_port = w.dst_port
    AND c.source_class = w.source_class
  LEFT JOIN lossy_nodes AS y ON y.node = w.node
  WHERE y.node IS NULL AND w.leg = 'ingress' AND w.start_us IS NOT NULL AND c.certain
),
candidates AS (
  SELECT DISTINCT i.group_key AS ingress_key, a.group_key AS post_nat_key
  FROM ingress_legs AS i
  INNER JOIN decisions AS d
    ON d.node = i.node AND d.protocol = i.protocol AND d.dst_ip = i.dst_ip AND d.dst_port = i.dst_port
    AND d.source_class = i.source_class
  INNER JOIN without_fingerprint AS a
    ON a.node = i.node AND a.protocol = i.protocol AND a.dst_ip = d.endpoint_ip AND a.dst_port = d.endpoint_port
  WHERE a.leg IN ('forward', 'delivery')
    AND a.start_us BETWEEN i.start_us AND i.start_us + 1000000
    AND COALESCE(a.first_ip_id = i.first_ip_id, NOT d.source_nat)
    AND ((d.source_nat AND a.src_node = i.node AND i.first_ip_id > 0)
      OR (NOT d.source_nat AND a.src_ip = i.src_ip AND a.src_port = i.src_port))
),
counted AS (
  SELECT
    c.*,
    COUNT(*) OVER (PARTITION BY ingress_key) AS post_nat_count,
    COUNT(*) OVER (PARTITION BY post_nat_key) AS ingress_count
  FROM candidates AS c
)
SELECT post_nat_key, ingress_key FROM counted WHERE post_nat_count = 1 AND ingress_count = 1
