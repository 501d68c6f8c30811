-- about: Pods' addresses whose node is told by their packets: each router lowers a packet's time to live, so the one node that
-- about: shows it as hosts first set it (64, 128, 255), while other nodes show it lowered, is the pod's own.
-- grain: address
-- key: ip
-- store: no
WITH seen AS (
  SELECT node, lower_ip AS ip, lower_ttl AS ttl FROM conversations
  UNION ALL
  SELECT node, upper_ip, upper_ttl FROM conversations
),
heights AS (
  SELECT node, ip, MAX(ttl) AS ttl FROM seen WHERE ttl IS NOT NULL GROUP BY node, ip
),
tops AS (
  SELECT ip, MAX(ttl) AS ttl, COUNT(*) AS node_count FROM heights GROUP BY ip
)
SELECT h.ip, MIN(h.node) AS node
FROM heights AS h
INNER JOIN tops AS t ON t.ip = h.ip AND t.ttl = h.ttl
INNER JOIN addresses AS a ON a.ip = h.ip AND a.in_pod_range AND a.owner_node IS NULL
WHERE t.node_count > 1 AND t.ttl IN (64, 128, 255)
GROUP BY h.ip
HAVING COUNT(*) = 1
