-- about: One row per endpoint's xt_recent list in one dump, with the endpoint that it belongs to and whether it is full: it
-- about: has 100 addresses, the kernel's default (`affinity_move_causes` has the same 100).
-- about: A list's name is the chain that sends to the endpoint, so the rules show which it is.
-- about: Limit: an endpoint of two Services has two lists. Its address does not show which of them counts, so both are left out.
-- grain: endpoint's list in one dump
-- key: node, capture_id, list_name
-- store: no
WITH endpoint_chains AS (
  SELECT node, chain, split_part(split_part(spec, '--to-destination ', 2), ' ', 1) AS endpoint FROM rules
  WHERE target = 'DNAT'
),
unique_chains AS (
  SELECT node, endpoint, MIN(chain) AS list_name
  FROM endpoint_chains
  GROUP BY node, endpoint
  HAVING COUNT(DISTINCT chain) = 1
)
SELECT
  r.node, r.capture_id, r.list_name, u.endpoint,
  COUNT(r.ip) >= 100 AS is_full
FROM recent_clients AS r
INNER JOIN unique_chains AS u ON u.node = r.node AND u.list_name = r.list_name
GROUP BY r.node, r.capture_id, r.list_name, u.endpoint
