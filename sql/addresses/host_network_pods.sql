-- about: One row per port of a node's own address that a pod listens on: host-network pods share the address of their
-- about: node, so only the port identifies the pod. The pod is NULL where several pods claim the port.
-- grain: endpoint on a node's own address
-- key: protocol, ip, port
-- store: no
SELECT
  e.protocol, e.ip, e.port,
  CASE WHEN COUNT(DISTINCT e.pod) = 1 THEN MIN(e.pod) END AS pod,
  COALESCE(MIN(p.valid_from_us), 0) AS valid_from_us
FROM endpoints AS e
LEFT JOIN pods AS p ON p.pod = e.pod AND p.ip = e.ip
LEFT JOIN addresses AS a ON a.ip = e.ip
WHERE COALESCE(p.host_network, a.owner_node IS NOT NULL)
GROUP BY e.protocol, e.ip, e.port
