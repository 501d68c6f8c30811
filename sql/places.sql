-- about: Where an address lives: its node and pod. Two pods or nodes that claim one address leave it undecided.
-- grain: address
-- key: ip
-- store: no
WITH pod_claims AS (
  SELECT ip, node, pod FROM pods WHERE NOT COALESCE(host_network, FALSE) AND COALESCE(phase, 'Running') = 'Running'
  UNION
  SELECT ip, node, pod FROM endpoints
),
claims AS (
  SELECT
    ip,
    COUNT(DISTINCT node) AS node_count,
    MIN(node) AS node,
    COUNT(DISTINCT pod) AS pod_count,
    MIN(pod) AS pod
  FROM pod_claims
  WHERE ip IS NOT NULL
  GROUP BY ip
)
SELECT
  COALESCE(c.ip, a.ip) AS ip,
  CASE WHEN c.node_count > 1 THEN NULL ELSE COALESCE(c.node, a.owner_node, a.host_node) END AS node,
  CASE WHEN c.pod_count = 1 THEN c.pod END AS pod
FROM claims AS c
FULL OUTER JOIN addresses AS a ON a.ip = c.ip
