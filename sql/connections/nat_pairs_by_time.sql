-- about: Groups without marks that are one connection by their rules, socket and time: an ingress leg and the only leg
-- about: on the same node that starts within a second after it, goes to an endpoint its rules allow, and keeps or loses
-- about: its source as they say for that endpoint. Where they keep the source, the socket is the same; where not, the IP id is.
-- about: Where the capture lost more than one packet in fifty, the only leg may be another connection's: nothing is joined so.
-- grain: group of legs after translation
-- key: post_nat_key
-- store: no
WITH lossy AS (
  SELECT c.node FROM handshake_loss AS l
  INNER JOIN captures AS c ON c.capture_id = l.capture_id
  GROUP BY c.node
  HAVING SUM(l.missing_count) * 50 > SUM(l.expected_count)
),
unmarked AS (
  SELECT
    g.group_key, l.leg, l.start_us, l.src_port, l.first_ip_id,
    c.node, c.protocol, c.src_ip, c.dst_ip, c.dst_port, c.source_class, c.src_node
  FROM leg_groups AS g
  INNER JOIN legs AS l ON l.flow_number = g.flow_number
  INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
  WHERE NOT g.has_fingerprint
),
ingresses AS (
  SELECT u.*
  FROM unmarked AS u
  INNER JOIN decision_summary AS c
    ON c.node = u.node AND c.protocol = u.protocol AND c.dst_ip = u.dst_ip AND c.dst_port = u.dst_port
    AND c.source_class = u.source_class
  LEFT JOIN lossy AS y ON y.node = u.node
  WHERE y.node IS NULL AND u.leg = 'ingress' AND u.start_us IS NOT NULL AND c.certain
),
pairs AS (
  SELECT DISTINCT i.group_key AS ingress_key, a.group_key AS post_nat_key
  FROM ingresses AS i
  INNER JOIN decisions AS d
    ON d.node = i.node AND d.protocol = i.protocol AND d.dst_ip = i.dst_ip AND d.dst_port = i.dst_port
    AND d.source_class = i.source_class
  INNER JOIN unmarked AS a
    ON a.node = i.node AND a.protocol = i.protocol AND a.dst_ip = d.endpoint_ip AND a.dst_port = d.endpoint_port
  WHERE a.leg IN ('forward', 'delivery')
    AND a.start_us BETWEEN i.start_us AND i.start_us + 1000000
    AND COALESCE(a.first_ip_id = i.first_ip_id, NOT d.source_nat)
    AND ((d.source_nat AND a.src_node = i.node AND i.first_ip_id > 0)
      OR (NOT d.source_nat AND a.src_ip = i.src_ip AND a.src_port = i.src_port))
),
counted AS (
  SELECT
    p.*,
    COUNT(*) OVER (PARTITION BY ingress_key) AS post_nat_count,
    COUNT(*) OVER (PARTITION BY post_nat_key) AS ingress_count
  FROM pairs AS p
)
SELECT post_nat_key, ingress_key FROM counted WHERE post_nat_count = 1 AND ingress_count = 1
