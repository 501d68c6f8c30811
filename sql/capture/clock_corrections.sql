-- about: How far each node's clock is ahead of one node's, the one in the middle. A clock that moved against it by more
-- about: than a tenth of a second while packets were captured cannot be set right.
-- grain: node
-- key: node
-- store: no
WITH pairs AS (
  SELECT node, other_node, offset_us FROM clock_offsets WHERE spread_us <= 100000
  UNION ALL
  SELECT other_node, node, -offset_us FROM clock_offsets WHERE spread_us <= 100000
),
ranked AS (
  SELECT
    node,
    ROW_NUMBER() OVER (ORDER BY COUNT(*) DESC NULLS LAST, SUM(abs(offset_us)) NULLS LAST, node NULLS LAST) AS place
  FROM pairs
  GROUP BY node
)
SELECT p.other_node AS node, p.node AS reference_node, p.offset_us AS clock_offset_us
FROM pairs AS p
INNER JOIN ranked AS r ON r.node = p.node AND r.place = 1
UNION ALL
SELECT node, node, 0 FROM ranked WHERE place = 1
