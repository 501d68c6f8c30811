-- about: One row per service, node, group of equal rules and pod: what the node's rules should give the pod, and what
-- about: it got.
-- about: Traces of one node that give the same endpoints the same shares are one group. A choice is a connection that
-- about: session affinity did not decide.
-- about: `served_by` is NULL if the pod is not known; if it is certainly a pod of the ingress node, `pod_node` shows
-- about: that. `rule_share` is NULL if the rules do not have the endpoint, or, with `rule_group` NULL too, if no
-- about: certain rules are known.
-- grain: service, node, group of equal rules and pod
-- key: service, node, rule_group, served_by, pod_node
-- column: service VARCHAR namespace/name.
-- column: node VARCHAR Ingress node; NULL if not known.
-- column: rule_group VARCHAR The first of the traces in the group; NULL if no certain rules are known.
-- column: served_by VARCHAR As in `distribution_paths`; NULL if not known.
-- column: pod_node VARCHAR Node of the pod; may be known though the pod is not.
-- column: rule_share DOUBLE Share of its connections that the rules give this pod; NULL if they do not have it.
-- column: connection_count BIGINT Connections.
-- column: choice_count BIGINT Connections that session affinity did not decide.
-- column: request_count BIGINT HTTP requests; NULL if the export does not show them.
-- column: byte_count BIGINT Bytes of the anchor flows, both directions.
WITH endpoint_shares AS (
  SELECT DISTINCT node, trace_id, endpoint_ip, probability
  FROM decisions
  WHERE verdict = 'dnat' AND certain AND endpoint_ip IS NOT NULL
),
trace_shares AS (
  SELECT
    node,
    trace_id,
    ARRAY_TO_STRING(LIST_SORT(LIST(endpoint_ip || ' ' || CAST(probability AS VARCHAR))), ', ') AS shares_text
  FROM endpoint_shares
  GROUP BY node, trace_id
  HAVING COUNT(probability) = COUNT(*)
),
used_traces AS (
  SELECT DISTINCT c.service, t.node, t.trace_id, t.shares_text
  FROM connections AS c
  INNER JOIN trace_shares AS t ON t.node = c.ingress_node AND t.trace_id = c.trace_id
  WHERE c.service IS NOT NULL
),
rule_groups AS (
  SELECT service, node, trace_id, MIN(trace_id) OVER (PARTITION BY service, node, shares_text) AS rule_group
  FROM used_traces
),
counts AS (
  SELECT
    c.service, c.ingress_node AS node, g.rule_group, c.pod_ip, c.pod,
    CASE WHEN c.pod_ip IS NULL AND c.hop = 'local' AND c.affinity = 'none' THEN c.ingress_node END AS own_node,
    COUNT(*) AS connection_count,
    COUNT(CASE WHEN c.affinity IN ('none', 'first', 'expired', 'moved') OR c.pod_ip IS NULL THEN 1 END) AS choice_count,
    CAST(SUM(c.request_count) AS BIGINT) AS request_count,
    CAST(SUM(c.byte_count) AS BIGINT) AS byte_count
  FROM connections AS c
  LEFT JOIN rule_groups AS g ON g.service = c.service AND g.node = c.ingress_node AND g.trace_id = c.trace_id
  WHERE c.service IS NOT NULL AND c.label <> 'dropped'
  GROUP BY
    c.service, c.ingress_node, g.rule_group, c.pod_ip, c.pod,
    CASE WHEN c.pod_ip IS NULL AND c.hop = 'local' AND c.affinity = 'none' THEN c.ingress_node END
),
pod_names AS (
  SELECT
    pod_ip,
    CASE WHEN COUNT(DISTINCT pod) = 1 AND COUNT(pod) = COUNT(*) THEN MIN(pod) END AS pod
  FROM counts
  WHERE pod_ip IS NOT NULL
  GROUP BY pod_ip
),
rows_of_both_sides AS (
  SELECT service, node, rule_group, pod_ip, own_node, connection_count, choice_count, request_count, byte_count,
    CAST(NULL AS DOUBLE) AS rule_share
  FROM counts
  UNION ALL
  SELECT g.service, g.node, g.rule_group, c.endpoint_ip, NULL, 0, 0, NULL, NULL, c.probability
  FROM rule_groups AS g
  INNER JOIN endpoint_shares AS c ON c.node = g.node AND c.trace_id = g.trace_id
),
named_pods AS (
  SELECT
    c.*,
    COALESCE(n.pod, CASE WHEN n.pod_ip IS NULL THEN p.pod END, c.pod_ip) AS served_by,
    COALESCE(p.node, c.own_node) AS pod_node
  FROM rows_of_both_sides AS c
  LEFT JOIN pod_names AS n ON n.pod_ip = c.pod_ip
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
FROM named_pods
GROUP BY service, node, rule_group, served_by, pod_node
