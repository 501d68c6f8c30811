-- about: One row per service, ingress node, affinity and reason, for services with session affinity: how many
-- about: connections, and how many clients.
-- about: Dropped connections have no endpoint and are left out.
-- grain: service with session affinity, node, affinity and its reason
-- key: service, node, affinity, affinity_reason
-- column: service VARCHAR namespace/name.
-- column: node VARCHAR Ingress node; NULL if not known.
-- column: affinity VARCHAR As in `connections`.
-- column: affinity_reason VARCHAR As in `connections`.
-- column: connection_count BIGINT Connections.
-- column: client_count BIGINT Clients, each address once.
SELECT
  service,
  ingress_node AS node,
  affinity,
  affinity_reason,
  COUNT(*) AS connection_count,
  COUNT(DISTINCT client_ip) AS client_count
FROM connections
WHERE service IS NOT NULL AND affinity <> 'none' AND label <> 'dropped'
GROUP BY service, ingress_node, affinity, affinity_reason
