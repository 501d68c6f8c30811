-- about: One row per service port, node and endpoint with session affinity: how many clients the node sent to the
-- about: endpoint.
-- about: The kernel keeps one xt_recent list per node and endpoint. It holds 100 addresses by default, and drops the
-- about: oldest beyond that.
-- grain: service port, node and endpoint
-- key: service, service_port, node, pod_ip, pod_port
-- column: service VARCHAR namespace/name.
-- column: service_port INTEGER The Service's own port number.
-- column: node VARCHAR Node that keeps the list.
-- column: pod_ip VARCHAR Address of the endpoint.
-- column: pod_port INTEGER Port of the endpoint.
-- column: pod VARCHAR namespace/name of its pod; NULL if not known.
-- column: client_count BIGINT Clients that the node sent there, each address once.
-- column: connection_count BIGINT Connections of these clients.
SELECT
  service,
  service_port,
  ingress_node AS node,
  pod_ip,
  pod_port,
  CASE WHEN COUNT(DISTINCT pod) = 1 THEN MIN(pod) END AS pod,
  COUNT(DISTINCT client_ip) AS client_count,
  COUNT(*) AS connection_count
FROM connections
WHERE affinity NOT IN ('none', 'unknown', 'hidden') AND service IS NOT NULL AND ingress_node IS NOT NULL
  AND client_ip IS NOT NULL AND pod_ip IS NOT NULL
GROUP BY service, service_port, ingress_node, pod_ip, pod_port
