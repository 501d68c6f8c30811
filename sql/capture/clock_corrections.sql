-- about: One row per node whose clock can be corrected: how far it is ahead of the reference clock. The reference clock is
-- about: that of the node with the most pairs in `clock_offsets`; if several have as many, of the one with the smallest
-- about: offsets. A pair of nodes whose clocks moved against each other by more than 0.1 s while packets were captured is
-- about: left out: no single offset corrects them.
-- grain: node
-- key: node
-- store: no
WITH pairs AS (
  SELECT node, other_node, offset_us FROM clock_offsets WHERE spread_us <= 100000
  UNION ALL
  SELECT other_node, node, -offset_us FROM clock_offsets WHERE spread_us <= 100000
),
candidates AS (
  SELECT
    node,
    ROW_NUMBER() OVER (ORDER BY COUNT(*) DESC NULLS LAST, SUM(abs(offset_us)) NULLS LAST, node NULLS LAST) AS position
  FROM pairs
  GROUP BY node
)
SELECT p.other_node AS node, p.node AS reference_node, p.offset_us AS clock_offset_us
FROM pairs AS p
INNER JOIN candidates AS c ON c.node = p.node AND c.position = 1
UNION ALL
SELECT node, node, 0 FROM candidates WHERE position = 1
