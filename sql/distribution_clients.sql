-- about: How many pods a service's clients reached, as far as clients and pods are known; how much each client weighs.
-- grain: service and number of pods
-- key: service, pod_count
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
