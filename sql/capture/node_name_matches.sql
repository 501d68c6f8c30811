-- about: Nodes that objects name and captures do not, and the node that each is taken for where some captured node is a
-- about: stranger to the objects: the one it shares an address with, or none that is known.
-- grain: node that objects name
-- key: object_node
-- store: no
WITH captured AS (
  SELECT DISTINCT node FROM captures WHERE kind IN ('packets', 'rules') AND kept_count > 0
),
listed AS (
  SELECT node FROM nodes
  UNION
  SELECT node FROM pods
  UNION
  SELECT node FROM endpoints
),
met AS (
  SELECT COUNT(*) AS stranger_count FROM unlisted_nodes
)
SELECT l.node AS object_node, s.node
FROM listed AS l
CROSS JOIN met AS m
LEFT JOIN captured AS c ON c.node = l.node
LEFT JOIN unlisted_nodes AS s ON s.object_node = l.node
WHERE l.node IS NOT NULL AND c.node IS NULL AND m.stranger_count > 0
