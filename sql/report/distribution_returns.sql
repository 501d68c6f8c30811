-- about: One row per service port, for services with session affinity, and per answer to two questions: did a client
-- about: come back to the node it had before, and to the pod?
-- about: This is the joint effect of load balancer and nodes, while `affinity` describes each node by itself.
-- grain: service with session affinity, and where its clients came back to
-- key: service, service_port, same_node, same_pod
-- column: service VARCHAR namespace/name.
-- column: service_port INTEGER The Service's own port number.
-- column: same_node BOOLEAN Whether the client's previous connection had the same ingress node; NULL if not known.
-- column: same_pod BOOLEAN Whether the client's previous connection, on any node, reached the same pod; NULL if not known.
-- column: connection_count BIGINT Connections of clients that had one before.
-- column: client_count BIGINT Clients, each address once.
WITH affinity_services AS (
  SELECT DISTINCT service FROM connections WHERE service IS NOT NULL AND affinity NOT IN ('none', 'unknown')
),
visits AS (
  SELECT
    c.service, c.service_port, c.client_ip, c.ingress_node, c.pod_ip,
    LAG(c.connection_id) OVER clients AS previous_id,
    LAG(c.ingress_node) OVER clients AS previous_node,
    LAG(c.pod_ip) OVER clients AS previous_pod_ip
  FROM connections AS c
  INNER JOIN affinity_services AS s ON s.service = c.service
  LEFT JOIN clock_corrections AS k ON k.node = c.ingress_node
  WHERE c.client_ip IS NOT NULL AND c.start_us IS NOT NULL AND c.label <> 'dropped'
  WINDOW clients AS (
    PARTITION BY c.service, c.service_port, c.protocol, c.client_ip
    ORDER BY c.start_us - COALESCE(k.clock_offset_us, 0) NULLS LAST, c.connection_id
  )
),
comparisons AS (
  SELECT
    service, service_port, client_ip,
    ingress_node = previous_node AS same_node,
    pod_ip = previous_pod_ip AS same_pod
  FROM visits
  WHERE previous_id IS NOT NULL
)
SELECT service, service_port, same_node, same_pod, COUNT(*) AS connection_count, COUNT(DISTINCT client_ip) AS client_count
FROM comparisons
GROUP BY service, service_port, same_node, same_pod
