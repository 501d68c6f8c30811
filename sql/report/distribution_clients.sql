-- about: One row per service and number of pods that a client reached, with how many clients reached so many.
-- about: Connections whose client or pod is not known are left out. `square_count` gives the effective number of
-- about: clients (connections squared over sum of squares).
-- grain: service and number of pods that a client reached
-- key: service, pod_count
-- column: service VARCHAR namespace/name.
-- column: pod_count BIGINT How many pods each of these clients reached.
-- column: client_count BIGINT Clients, each address once.
-- column: connection_count BIGINT Connections of these clients.
-- column: square_count BIGINT Sum of the squares of each client's connections.
-- column: most_node_count BIGINT Most ingress nodes of one of these clients.
WITH clients AS (
  SELECT service, client_ip, COUNT(*) AS connection_count, COUNT(DISTINCT pod_ip) AS pod_count,
    COUNT(DISTINCT ingress_node) AS node_count
  FROM connections
  WHERE service IS NOT NULL AND client_ip IS NOT NULL AND pod_ip IS NOT NULL
  GROUP BY service, client_ip
)
SELECT
  service,
  pod_count,
  COUNT(*) AS client_count,
  CAST(SUM(connection_count) AS BIGINT) AS connection_count,
  CAST(SUM(connection_count * connection_count) AS BIGINT) AS square_count,
  MAX(node_count) AS most_node_count
FROM clients
GROUP BY service, pod_count
