-- about: Captured nodes that the cluster's objects do not name, while they name nodes that were not captured: a stranger may
-- about: be one of these under another name (`object_node`, where an address that both have tells which). A machine whose
-- about: own addresses are no such node's (a load generator) is none.
-- grain: captured node
-- key: node
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
missing AS (
  SELECT l.node
  FROM listed AS l
  LEFT JOIN captured AS c ON c.node = l.node
  WHERE l.node IS NOT NULL AND c.node IS NULL
),
unnamed AS (
  SELECT c.node
  FROM captured AS c
  LEFT JOIN listed AS l ON l.node = c.node
  CROSS JOIN (SELECT COUNT(*) AS missing_count FROM missing) AS m
  WHERE c.node IS NOT NULL AND l.node IS NULL AND m.missing_count > 0
),
shared AS (
  SELECT DISTINCT u.node, m.node AS object_node
  FROM unnamed AS u
  INNER JOIN node_addresses AS own ON own.node = u.node AND own.kind = 'interface'
  INNER JOIN node_addresses AS its ON its.cidr = own.cidr AND its.kind = 'node'
  INNER JOIN missing AS m ON m.node = its.node
),
paired AS (
  SELECT
    node, object_node,
    COUNT(*) OVER (PARTITION BY node) AS object_node_count,
    COUNT(*) OVER (PARTITION BY object_node) AS node_count
  FROM shared
),
known AS (
  SELECT COUNT(*) = COUNT(a.node) AS have_addresses
  FROM missing AS m
  LEFT JOIN (SELECT DISTINCT node FROM node_addresses WHERE kind = 'node') AS a ON a.node = m.node
),
outsiders AS (
  SELECT DISTINCT own.node
  FROM node_addresses AS own
  CROSS JOIN known AS k
  LEFT JOIN shared AS s ON s.node = own.node
  WHERE own.kind = 'interface' AND s.node IS NULL AND k.have_addresses
)
SELECT u.node, p.object_node
FROM unnamed AS u
LEFT JOIN paired AS p ON p.node = u.node AND p.object_node_count = 1 AND p.node_count = 1
LEFT JOIN outsiders AS o ON o.node = u.node
WHERE o.node IS NULL
