-- about: One row per service and ingress node of connections from outside the cluster: how the load balancer spread
-- about: them.
-- about: Only connections whose ingress leg was seen count. A client that connects to a node's own address chose the
-- about: node itself, so it is left out.
-- about: `all_client_count` is the same on every row of a service: clients of several nodes count once.
-- grain: service and node
-- key: service, node
-- column: service VARCHAR namespace/name.
-- column: node VARCHAR Node where connections from outside the cluster entered.
-- column: connection_count BIGINT Connections.
-- column: client_count BIGINT Clients, each address once.
-- column: all_client_count BIGINT Clients of the whole service, each address once.
WITH outside AS (
  SELECT c.service, c.ingress_node AS node, c.client_ip
  FROM connections AS c
  LEFT JOIN addresses AS s ON s.ip = c.client_ip
  LEFT JOIN addresses AS d ON d.ip = c.dest_ip
  WHERE c.service IS NOT NULL AND c.ingress_node IS NOT NULL AND c.client_ip IS NOT NULL AND c.dest_ip IS NOT NULL
    AND s.owner_node IS NULL AND d.owner_node IS NULL AND NOT COALESCE(s.in_pod_range, FALSE)
    AND s.host_node IS NULL
),
clients AS (
  SELECT service, COUNT(DISTINCT client_ip) AS all_client_count
  FROM outside
  GROUP BY service
)
SELECT
  o.service,
  o.node,
  COUNT(*) AS connection_count,
  COUNT(DISTINCT o.client_ip) AS client_count,
  MIN(c.all_client_count) AS all_client_count
FROM outside AS o
INNER JOIN clients AS c ON c.service = o.service
GROUP BY o.service, o.node
