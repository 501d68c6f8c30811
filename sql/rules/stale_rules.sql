-- about: One row per service address (protocol, address, port) of which a node's rules are older or newer than the
-- about: traffic. There are three signs. A stitched leg reached an endpoint that the rules of its ingress
-- about: node do not have. Rules and EndpointSlices each have endpoints that the other lacks, as after a rollout. Or
-- about: the rules forward what comes from outside, although the Service's external traffic policy keeps it on its
-- about: ingress node. `is_local_policy`: stale only in this, that endpoints of other nodes may be missing, and the
-- about: policy sends nothing there.
-- grain: service address
-- key: protocol, dst_ip, dst_port
-- store: no
WITH rule_endpoints AS (
  SELECT DISTINCT node, service, protocol, dst_ip, dst_port, endpoint_ip FROM decisions
  WHERE service IS NOT NULL AND endpoint_ip IS NOT NULL
),
object_endpoints AS (
  SELECT service, ip, MIN(node) AS node, BOOL_OR(COALESCE(ready, TRUE)) AS is_ready
  FROM matched_endpoints
  WHERE ip IS NOT NULL
  GROUP BY service, ip
),
local_policies AS (
  SELECT DISTINCT service FROM services WHERE external_traffic_policy = 'Local'
),
service_rule_nodes AS (
  SELECT DISTINCT node, service FROM rule_endpoints
),
cluster_ips AS (
  SELECT DISTINCT ip FROM service_ports WHERE kind = 'cluster-ip' AND ip IS NOT NULL
),
services_with_new_endpoints AS (
  SELECT l.service, p.service IS NOT NULL AS is_local_policy
  FROM object_endpoints AS l
  LEFT JOIN rule_endpoints AS r ON r.service = l.service AND r.endpoint_ip = l.ip
  LEFT JOIN local_policies AS p ON p.service = l.service
  LEFT JOIN service_rule_nodes AS d ON d.service = l.service AND d.node = l.node
  WHERE l.is_ready AND r.endpoint_ip IS NULL AND (p.service IS NULL OR d.node IS NOT NULL)
),
reached_endpoints AS (
  SELECT DISTINCT a.client_socket_number, f.dst_ip, f.dst_port
  FROM nat_results AS f
  INNER JOIN connection_anchors AS a ON a.flow_number = f.flow_number
  WHERE f.dst_ip IS NOT NULL
),
signs AS (
  -- a stitched leg shows an endpoint that the rules do not have
  SELECT r.protocol, r.dst_ip, r.dst_port, FALSE AS is_local_policy
  FROM reached_endpoints AS f
  INNER JOIN client_socket_context AS r ON r.client_socket_number = f.client_socket_number
  INNER JOIN decision_summary AS h
    ON h.node = r.rules_node AND h.protocol = r.protocol AND h.dst_ip = r.dst_ip AND h.dst_port = r.dst_port
    AND h.source_class = r.source_class
  LEFT JOIN decisions AS d
    ON d.node = r.rules_node AND d.protocol = r.protocol AND d.dst_ip = r.dst_ip AND d.dst_port = r.dst_port
    AND d.endpoint_ip = f.dst_ip AND d.endpoint_port = f.dst_port
  WHERE d.endpoint_ip IS NULL
  UNION
  -- rules and EndpointSlices each have endpoints that the other lacks
  SELECT r.protocol, r.dst_ip, r.dst_port, n.is_local_policy AND c.ip IS NULL
  FROM rule_endpoints AS r
  INNER JOIN services_with_new_endpoints AS n ON n.service = r.service
  LEFT JOIN object_endpoints AS l ON l.service = r.service AND l.ip = r.endpoint_ip
  LEFT JOIN cluster_ips AS c ON c.ip = r.dst_ip
  WHERE l.ip IS NULL
  UNION
  -- traffic from outside is forwarded although the Service's policy is Local
  SELECT r.protocol, r.dst_ip, r.dst_port, FALSE
  FROM client_socket_context AS r
  INNER JOIN decision_summary AS h
    ON h.node = r.rules_node AND h.protocol = r.protocol AND h.dst_ip = r.dst_ip AND h.dst_port = r.dst_port
    AND h.source_class = r.source_class AND h.hop = 'forwarded'
  INNER JOIN local_policies AS p ON p.service = COALESCE(h.service, r.object_service)
  INNER JOIN addresses AS s ON s.ip = r.src_ip AND s.owner_node IS NULL AND NOT s.in_pod_range
  LEFT JOIN cluster_ips AS c ON c.ip = r.dst_ip
  WHERE c.ip IS NULL
)
SELECT protocol, dst_ip, dst_port, BOOL_AND(is_local_policy) AS is_local_policy FROM signs GROUP BY protocol, dst_ip, dst_port
