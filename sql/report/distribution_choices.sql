-- about: What each node's rules should give each endpoint of a service, and what each got. Traces of one node that give the
-- about: same endpoints the same shares are one group. A choice is a connection that session affinity did not decide.
-- about: Without `served_by`: the pod is not known; where it is sure to be one of its own node, `pod_node` says so. Without `rule_share`: the rules do not have the endpoint, or, where
-- about: `rule_group` is NULL too, nothing certain is known of the rules.
-- grain: service, node's group of like rules and pod
-- key: service, node, rule_group, served_by, pod_node
-- column: service VARCHAR namespace/name.
-- column: node VARCHAR Ingress node; NULL if not known.
-- column: rule_group VARCHAR The first of its traces that give the same endpoints the same shares; NULL where nothing certain is known.
-- column: served_by VARCHAR As in `distribution_paths`; NULL if not known.
-- column: pod_node VARCHAR Node of the pod, which may be known where the pod is not.
-- column: rule_share DOUBLE What the rules give this pod of what they translate; NULL where they do not have it.
-- column: connection_count BIGINT Connections.
-- column: choice_count BIGINT Connections that session affinity did not decide.
-- column: request_count BIGINT HTTP requests, where the export says so.
-- column: byte_count BIGINT Bytes of the anchor flows, both directions.
WITH choosing AS (
  SELECT DISTINCT node, trace_id, endpoint_ip, probability
  FROM decisions
  WHERE verdict = 'dnat' AND certain AND endpoint_ip IS NOT NULL
),
traces AS (
  SELECT
    node,
    trace_id,
    ARRAY_TO_STRING(LIST_SORT(LIST(endpoint_ip || ' ' || CAST(probability AS VARCHAR))), ', ') AS alike
  FROM choosing
  GROUP BY node, trace_id
  HAVING COUNT(probability) = COUNT(*)
),
used AS (
  SELECT DISTINCT c.service, t.node, t.trace_id, t.alike
  FROM connections AS c
  INNER JOIN traces AS t ON t.node = c.ingress_node AND t.trace_id = c.trace_id
  WHERE c.service IS NOT NULL
),
grouped AS (
  SELECT service, node, trace_id, MIN(trace_id) OVER (PARTITION BY service, node, alike) AS rule_group
  FROM used
),
counted AS (
  SELECT
    c.service, c.ingress_node AS node, g.rule_group, c.pod_ip, c.pod,
    CASE WHEN c.pod_ip IS NULL AND c.hop = 'local' AND c.affinity = 'none' THEN c.ingress_node END AS own_node,
    COUNT(*) AS connection_count,
    COUNT(CASE WHEN c.affinity IN ('none', 'first', 'expired', 'moved') OR c.pod_ip IS NULL THEN 1 END) AS choice_count,
    CAST(SUM(c.request_count) AS BIGINT) AS request_count,
    CAST(SUM(c.byte_count) AS BIGINT) AS byte_count
  FROM connections AS c
  LEFT JOIN grouped AS g ON g.service = c.service AND g.node = c.ingress_node AND g.trace_id = c.trace_id
  WHERE c.service IS NOT NULL AND c.label <> 'dropped'
  GROUP BY
    c.service, c.ingress_node, g.rule_group, c.pod_ip, c.pod,
    CASE WHEN c.pod_ip IS NULL AND c.hop = 'local' AND c.affinity = 'none' THEN c.ingress_node END
),
names AS (
  SELECT
    pod_ip,
    CASE WHEN COUNT(DISTINCT pod) = 1 AND COUNT(pod) = COUNT(*) THEN MIN(pod) END AS pod
  FROM counted
  WHERE pod_ip IS NOT NULL
  GROUP BY pod_ip
),
cells AS (
  SELECT service, node, rule_group, pod_ip, own_node, connection_count, choice_count, request_count, byte_count,
    CAST(NULL AS DOUBLE) AS rule_share
  FROM counted
  UNION ALL
  SELECT g.service, g.node, g.rule_group, c.endpoint_ip, NULL, 0, 0, NULL, NULL, c.probability
  FROM grouped AS g
  INNER JOIN choosing AS c ON c.node = g.node AND c.trace_id = g.trace_id
),
named AS (
  SELECT
    c.*,
    COALESCE(n.pod, CASE WHEN n.pod_ip IS NULL THEN p.pod END, c.pod_ip) AS served_by,
    COALESCE(p.node, c.own_node) AS pod_node
  FROM cells AS c
  LEFT JOIN names AS n ON n.pod_ip = c.pod_ip
  LEFT JOIN address_owners AS p ON p.ip = c.pod_ip AND p.valid_from_us = -1
)
SELECT
  service,
  node,
  rule_group,
  served_by,
  pod_node,
  MAX(rule_share) AS rule_share,
  CAST(SUM(connection_count) AS BIGINT) AS connection_count,
  CAST(SUM(choice_count) AS BIGINT) AS choice_count,
  CAST(SUM(request_count) AS BIGINT) AS request_count,
  CAST(SUM(byte_count) AS BIGINT) AS byte_count
FROM named
GROUP BY service, node, rule_group, served_by, pod_node
