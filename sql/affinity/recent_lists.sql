-- about: Endpoints' lists of clients that a dump shows: which list on which node, and whether it is full at 100 addresses.
-- about: An endpoint of two Services has two lists; which one counts is not told by its address, so neither does.
-- grain: endpoint's list in one dump
-- key: node, capture_id, list_name
-- store: no
WITH targets AS (
  SELECT node, chain, split_part(split_part(spec, '--to-destination ', 2), ' ', 1) AS endpoint FROM rules
  WHERE target = 'DNAT'
),
lists AS (
  SELECT node, endpoint, MIN(chain) AS list_name
  FROM targets
  GROUP BY node, endpoint
  HAVING COUNT(DISTINCT chain) = 1
)
SELECT
  r.node, r.capture_id, r.list_name, l.endpoint,
  COUNT(r.ip) >= 100 AS is_full
FROM recent_clients AS r
INNER JOIN lists AS l ON l.node = r.node AND l.list_name = r.list_name
GROUP BY r.node, r.capture_id, r.list_name, l.endpoint
