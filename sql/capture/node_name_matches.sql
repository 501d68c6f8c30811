-- about: One row per node that only captures or only the cluster's objects name, where some captured node is unlisted.
-- about: `node` is the name in captures, `object_node` the name in objects. A row with both: one node under two names,
-- about: as exactly one captured node and one node of the objects share an address. A row with one of them: no match,
-- about: so the captured node may be any of the nodes that objects name and that were not captured. A machine none of
-- about: whose own addresses is such a node's (a load generator) is no unlisted node.
-- grain: node with an unmatched name
-- key: node, object_node
-- store: no
WITH listed AS (
  SELECT node FROM nodes
  UNION
  SELECT node FROM pods
  UNION
  SELECT node FROM endpoints
),
captured AS (
  SELECT DISTINCT node FROM captures WHERE kind IN ('packets', 'rules') AND kept_count > 0
),
not_captured AS (
  SELECT l.node
  FROM listed AS l
  LEFT JOIN captured AS c ON c.node = l.node
  WHERE l.node IS NOT NULL AND c.node IS NULL
),
not_listed AS (
  SELECT c.node
  FROM captured AS c
  LEFT JOIN listed AS l ON l.node = c.node
  CROSS JOIN (SELECT COUNT(*) AS node_count FROM not_captured) AS n
  WHERE c.node IS NOT NULL AND l.node IS NULL AND n.node_count > 0
),
shared_addresses AS (
  SELECT DISTINCT u.node, n.node AS object_node
  FROM not_listed AS u
  INNER JOIN node_addresses AS own ON own.node = u.node AND own.kind = 'interface'
  INNER JOIN node_addresses AS its ON its.cidr = own.cidr AND its.kind = 'node'
  INNER JOIN not_captured AS n ON n.node = its.node
),
pairs AS (
  SELECT
    node, object_node,
    COUNT(*) OVER (PARTITION BY node) AS object_node_count,
    COUNT(*) OVER (PARTITION BY object_node) AS node_count
  FROM shared_addresses
),
address_knowledge AS (
  SELECT COUNT(*) = COUNT(a.node) AS is_complete
  FROM not_captured AS n
  LEFT JOIN (SELECT DISTINCT node FROM node_addresses WHERE kind = 'node') AS a ON a.node = n.node
),
outside_machines AS (
  SELECT DISTINCT own.node
  FROM node_addresses AS own
  CROSS JOIN address_knowledge AS k
  LEFT JOIN shared_addresses AS s ON s.node = own.node
  WHERE own.kind = 'interface' AND s.node IS NULL AND k.is_complete
),
unlisted AS (
  SELECT u.node, p.object_node
  FROM not_listed AS u
  LEFT JOIN pairs AS p ON p.node = u.node AND p.object_node_count = 1 AND p.node_count = 1
  LEFT JOIN outside_machines AS o ON o.node = u.node
  WHERE o.node IS NULL
)
SELECT node, object_node FROM unlisted
UNION ALL
SELECT CAST(NULL AS VARCHAR) AS node, n.node
FROM not_captured AS n
CROSS JOIN (SELECT COUNT(*) AS node_count FROM unlisted) AS c
LEFT JOIN unlisted AS u ON u.object_node = n.node
WHERE u.node IS NULL AND c.node_count > 0
