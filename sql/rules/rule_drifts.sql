-- about: What one node's rules do with a Service and most nodes' rules do not, or the other way round, whatever the rules'
-- about: text; Services that a node's rules refuse or do not know. Chains for local endpoints (traffic policy Local) differ by
-- about: design and are left out, and so is what is not certain.
-- grain: what one node's rules do with a Service otherwise than most nodes' do
-- key: node, chain, difference, kind, value
-- column: node VARCHAR Node whose rules these are.
-- column: service VARCHAR namespace/name of the Service.
-- column: chain VARCHAR Chain of the Service, which has one name on all nodes.
-- column: difference VARCHAR only-here, missing-here, refused-here or unknown-here.
-- column: kind VARCHAR endpoint, share, affinity, or service for the last two differences.
-- column: value VARCHAR The endpoint, with its share for `share`; the seconds of affinity; the chain.
WITH dumped AS (
  SELECT node FROM rules WHERE node IS NOT NULL GROUP BY node
),
chosen AS (
  SELECT
    node, chain, protocol, dst_ip, dst_port, service, certain, affinity_s,
    endpoint_ip || ':' || CAST(endpoint_port AS VARCHAR) AS endpoint,
    CAST(ROUND(100 * probability, 1) AS VARCHAR) || ' %' AS share
  FROM decisions
  WHERE verdict = 'dnat' AND (chain LIKE 'KUBE-SVC-%' OR chain LIKE 'service-%')
),
sure AS (
  SELECT node, chain, MIN(service) AS service FROM chosen GROUP BY node, chain HAVING BOOL_AND(certain)
),
features AS (
  SELECT node, chain, 'endpoint' AS kind, endpoint AS value FROM chosen
  UNION
  SELECT node, chain, 'share', endpoint || ' ' || share FROM chosen
  UNION
  SELECT node, chain, 'affinity', CAST(affinity_s AS VARCHAR) || ' s' FROM chosen WHERE affinity_s IS NOT NULL
),
said AS (
  SELECT f.node, f.chain, f.kind, f.value
  FROM features AS f
  INNER JOIN sure AS s ON s.node = f.node AND s.chain = f.chain
),
sizes AS (
  SELECT chain, COUNT(*) AS node_count, MIN(service) AS service FROM sure GROUP BY chain
),
usual AS (
  SELECT s.chain, s.kind, s.value
  FROM said AS s
  INNER JOIN sizes AS z ON z.chain = s.chain
  GROUP BY s.chain, s.kind, s.value, z.node_count
  HAVING 2 * COUNT(*) > z.node_count
),
differing AS (
  SELECT s.node, s.chain, 'only-here' AS difference, s.kind, s.value
  FROM said AS s
  LEFT JOIN usual AS u ON u.chain = s.chain AND u.kind = s.kind AND u.value = s.value
  WHERE u.chain IS NULL
  UNION ALL
  SELECT n.node, n.chain, 'missing-here', u.kind, u.value
  FROM sure AS n
  INNER JOIN usual AS u ON u.chain = n.chain
  LEFT JOIN said AS s ON s.node = n.node AND s.chain = n.chain AND s.kind = u.kind AND s.value = u.value
  WHERE s.node IS NULL
),
moved AS (
  SELECT DISTINCT node, chain FROM differing WHERE kind = 'endpoint'
),
silent AS (
  SELECT d.node, z.chain
  FROM sizes AS z
  CROSS JOIN dumped AS d
  LEFT JOIN chosen AS c ON c.node = d.node AND c.chain = z.chain
  WHERE c.node IS NULL
),
dialled AS (
  SELECT DISTINCT chain, protocol, dst_ip, dst_port FROM chosen
),
heard AS (
  SELECT DISTINCT a.chain, r.node
  FROM dialled AS a
  INNER JOIN rule_servers AS r ON r.protocol = a.protocol AND r.ip = a.dst_ip AND r.port = a.dst_port
),
refused AS (
  SELECT DISTINCT a.chain, d.node
  FROM dialled AS a
  INNER JOIN decisions AS d ON d.protocol = a.protocol AND d.dst_ip = a.dst_ip AND d.dst_port = a.dst_port
  WHERE d.verdict IN ('drop', 'reject') AND d.certain
),
found AS (
  SELECT d.node, d.chain, d.difference, d.kind, d.value
  FROM differing AS d
  LEFT JOIN moved AS m ON m.node = d.node AND m.chain = d.chain
  WHERE d.kind <> 'share' OR m.node IS NULL
  UNION ALL
  SELECT s.node, s.chain, 'refused-here', 'service', s.chain
  FROM silent AS s
  INNER JOIN refused AS r ON r.node = s.node AND r.chain = s.chain
  UNION ALL
  SELECT s.node, s.chain, 'unknown-here', 'service', s.chain
  FROM silent AS s
  LEFT JOIN heard AS h ON h.node = s.node AND h.chain = s.chain
  LEFT JOIN refused AS r ON r.node = s.node AND r.chain = s.chain
  WHERE h.node IS NULL AND r.node IS NULL
)
SELECT f.node, z.service, f.chain, f.difference, f.kind, f.value
FROM found AS f
INNER JOIN sizes AS z ON z.chain = f.chain
