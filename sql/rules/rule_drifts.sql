-- about: One row per thing that one node's rules do with a Service and those of most nodes do not, or the other way
-- about: round: kube-proxy writes the same Service chains on every node, so a difference means that a node is behind.
-- about: Decisions are compared, not the text of rules. Services that a node's rules refuse, or do not know, are listed
-- about: too. Chains for local endpoints (traffic policy Local) differ by design and are left out; so is every decision
-- about: that is not certain.
-- grain: what one node's rules do with a Service otherwise than most nodes' do
-- key: node, chain, difference, kind, value
-- column: node VARCHAR Node whose rules these are.
-- column: service VARCHAR namespace/name of the Service.
-- column: chain VARCHAR Chain of the Service, which has one name on all nodes.
-- column: difference VARCHAR only-here, missing-here, refused-here or unknown-here.
-- column: kind VARCHAR endpoint, share, affinity, or service for the last two differences.
-- column: value VARCHAR The endpoint, with its share for `share`; the seconds of affinity; the chain.
WITH nodes_with_rules AS (
  SELECT node FROM rules WHERE node IS NOT NULL GROUP BY node
),
choices AS (
  SELECT
    node, chain, protocol, dst_ip, dst_port, service, certain, affinity_s,
    endpoint_ip || ':' || CAST(endpoint_port AS VARCHAR) AS endpoint,
    CAST(ROUND(100 * probability, 1) AS VARCHAR) || ' %' AS share
  FROM decisions
  WHERE verdict = 'dnat' AND (chain LIKE 'KUBE-SVC-%' OR chain LIKE 'service-%')
),
certain_chains AS (
  SELECT node, chain, MIN(service) AS service FROM choices GROUP BY node, chain HAVING BOOL_AND(certain)
),
features AS (
  SELECT node, chain, 'endpoint' AS kind, endpoint AS value FROM choices
  UNION
  SELECT node, chain, 'share', endpoint || ' ' || share FROM choices
  UNION
  SELECT node, chain, 'affinity', CAST(affinity_s AS VARCHAR) || ' s' FROM choices WHERE affinity_s IS NOT NULL
),
certain_features AS (
  SELECT f.node, f.chain, f.kind, f.value
  FROM features AS f
  INNER JOIN certain_chains AS s ON s.node = f.node AND s.chain = f.chain
),
chain_counts AS (
  SELECT chain, COUNT(*) AS node_count, MIN(service) AS service FROM certain_chains GROUP BY chain
),
majority_features AS (
  SELECT s.chain, s.kind, s.value
  FROM certain_features AS s
  INNER JOIN chain_counts AS z ON z.chain = s.chain
  GROUP BY s.chain, s.kind, s.value, z.node_count
  HAVING 2 * COUNT(*) > z.node_count
),
differing AS (
  SELECT s.node, s.chain, 'only-here' AS difference, s.kind, s.value
  FROM certain_features AS s
  LEFT JOIN majority_features AS u ON u.chain = s.chain AND u.kind = s.kind AND u.value = s.value
  WHERE u.chain IS NULL
  UNION ALL
  SELECT n.node, n.chain, 'missing-here', u.kind, u.value
  FROM certain_chains AS n
  INNER JOIN majority_features AS u ON u.chain = n.chain
  LEFT JOIN certain_features AS s ON s.node = n.node AND s.chain = n.chain AND s.kind = u.kind AND s.value = u.value
  WHERE s.node IS NULL
),
chains_with_other_endpoints AS (
  SELECT DISTINCT node, chain FROM differing WHERE kind = 'endpoint'
),
missing_chains AS (
  SELECT d.node, z.chain
  FROM chain_counts AS z
  CROSS JOIN nodes_with_rules AS d
  LEFT JOIN choices AS c ON c.node = d.node AND c.chain = z.chain
  WHERE c.node IS NULL
),
frontends AS (
  SELECT DISTINCT chain, protocol, dst_ip, dst_port FROM choices
),
known_frontends AS (
  SELECT DISTINCT a.chain, r.node
  FROM frontends AS a
  INNER JOIN rule_servers AS r ON r.protocol = a.protocol AND r.ip = a.dst_ip AND r.port = a.dst_port
),
refused AS (
  SELECT DISTINCT a.chain, d.node
  FROM frontends AS a
  INNER JOIN decisions AS d ON d.protocol = a.protocol AND d.dst_ip = a.dst_ip AND d.dst_port = a.dst_port
  WHERE d.verdict IN ('drop', 'reject') AND d.certain
),
drifts AS (
  SELECT d.node, d.chain, d.difference, d.kind, d.value
  FROM differing AS d
  -- another set of endpoints changes every share, so shares count where the endpoints are the same
  LEFT JOIN chains_with_other_endpoints AS m ON m.node = d.node AND m.chain = d.chain
  WHERE d.kind <> 'share' OR m.node IS NULL
  UNION ALL
  SELECT s.node, s.chain, 'refused-here', 'service', s.chain
  FROM missing_chains AS s
  INNER JOIN refused AS r ON r.node = s.node AND r.chain = s.chain
  UNION ALL
  SELECT s.node, s.chain, 'unknown-here', 'service', s.chain
  FROM missing_chains AS s
  LEFT JOIN known_frontends AS h ON h.node = s.node AND h.chain = s.chain
  LEFT JOIN refused AS r ON r.node = s.node AND r.chain = s.chain
  WHERE h.node IS NULL AND r.node IS NULL
)
SELECT d.node, c.service, d.chain, d.difference, d.kind, d.value
FROM drifts AS d
INNER JOIN chain_counts AS c ON c.chain = d.chain
