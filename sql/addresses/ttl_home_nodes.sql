-- about: One row per pod address whose node no input gives and the time to live (TTL, hop limit) of its packets shows:
-- about: hosts set it to 64, 128 or 255, and each router lowers it by one. So the only node that captured the initial
-- about: value is the pod's own, if other nodes captured lower values.
-- grain: address
-- key: ip
-- store: no
WITH senders AS (
  SELECT node, lower_ip AS ip, lower_ttl AS ttl FROM conversations
  UNION ALL
  SELECT node, upper_ip, upper_ttl FROM conversations
),
node_ttls AS (
  SELECT node, ip, MAX(ttl) AS ttl FROM senders WHERE ttl IS NOT NULL GROUP BY node, ip
),
max_ttls AS (
  SELECT ip, MAX(ttl) AS ttl, COUNT(*) AS node_count FROM node_ttls GROUP BY ip
)
SELECT n.ip, MIN(n.node) AS node
FROM node_ttls AS n
INNER JOIN max_ttls AS m ON m.ip = n.ip AND m.ttl = n.ttl
INNER JOIN addresses AS a ON a.ip = n.ip AND a.in_pod_range AND a.owner_node IS NULL
WHERE m.node_count > 1 AND m.ttl IN (64, 128, 255)
GROUP BY n.ip
HAVING COUNT(*) = 1
