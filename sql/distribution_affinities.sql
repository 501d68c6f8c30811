-- about: What became of the clients of services with session affinity: connections, and clients each counted once.
-- grain: service, node, outcome and its reason
-- key: service, node, affinity, affinity_reason
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
