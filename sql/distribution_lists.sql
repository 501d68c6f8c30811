-- about: How many clients each node sent to each endpoint of a service with session affinity: the kernel keeps a list of them by
-- about: node and endpoint, which holds 100 unless set up otherwise, and forgets the oldest beyond that.
-- grain: service port, node and endpoint
-- key: service, service_port, node, pod_ip, pod_port
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
