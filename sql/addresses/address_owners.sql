-- about: One row per address and span of time: the node and the pod that the address belongs to (a slowly changing
-- about: dimension, as pod addresses are reused). A span is valid_from_us <= t < valid_to_us.
-- about: The row from -1 to 0 answers for no particular time: it counts every owner during the captures. Flows without a time and
-- about: endpoints of rules are joined to it.
-- about: If two pods claim an address in one span, pod is NULL, and `claiming_pods` lists them; if two nodes do, node is NULL.
-- about: Node is NULL too where packets contradict it: a node sent packets to the address, and they arrived on other nodes but
-- about: not on the owner; or the time to live shows another home node.
-- about: The home node of an address is the node that runs the pod with it, or that has the address itself. It is taken from the
-- about: first that gives it: the pods and endpoints that claim the address; the node that has it on an interface
-- about: (`owner_node`); the node whose pod range contains it (`host_node`); the time to live (`ttl_home_nodes`).
-- about: Times of objects are whole seconds, so a pod owns its address to the end of its last second. A pod past its deletion
-- about: time that is not Succeeded or Failed may still run: from then on its claim counts only if there is no other
-- about: (`is_after_end`).
-- grain: address in one span of time
-- key: ip, valid_from_us
-- column: ip VARCHAR The address.
-- column: valid_from_us BIGINT Start of the span, inclusive; 0 for an open start, -1 in the row for flows without a time, and for endpoints of rules.
-- column: valid_to_us BIGINT End of the span, exclusive; 9000000000000000000 for an open end.
-- column: node VARCHAR Node that has the address, or that runs the pod with it; NULL if it is not known, or the sources contradict each other.
-- column: pod VARCHAR namespace/name of the pod with the address; NULL for none, or for several.
-- column: claiming_pods VARCHAR Pods that claim the address in this span, where there are several.
-- 9000000000000000000 is "no end" in this file.
WITH capture_time AS (
  SELECT COALESCE(MIN(first_us), 0) AS first_us, COALESCE(MAX(last_us), 9000000000000000000) AS last_us FROM captures
),
pod_claims AS (
  SELECT ip, node, pod, COALESCE(valid_from_us, 0) AS valid_from_us,
    COALESCE(valid_to_us + 1000000, 9000000000000000000) AS valid_to_us,
    COALESCE(phase IN ('Succeeded', 'Failed'), FALSE) AS is_finished
  FROM matched_pods AS p
  WHERE ip IS NOT NULL AND NOT COALESCE(host_network, FALSE)
    -- No object shows when a finished pod without an end gave its address back. A claim without an end would hide the next
    -- owner.
    AND (p.valid_to_us IS NOT NULL OR COALESCE(phase NOT IN ('Succeeded', 'Failed'), TRUE))
),
pod_addresses AS (
  SELECT DISTINCT pod, ip FROM matched_pods WHERE pod IS NOT NULL
),
claims AS (
  SELECT ip, node, pod, FALSE AS is_after_end, valid_from_us, valid_to_us FROM pod_claims
  UNION
  SELECT ip, node, pod, TRUE, valid_to_us, 9000000000000000000 FROM pod_claims WHERE NOT is_finished
  UNION
  SELECT
    e.ip, e.node,
    -- On a node's own address a pod has the node's network. Several pods share that address, so it identifies none of them
    -- (`host_network_pods` does, by port).
    CASE WHEN a.owner_node IS NULL THEN e.pod END, FALSE, COALESCE(e.valid_from_us, 0),
    COALESCE(e.valid_to_us + 1000000, 9000000000000000000)
  FROM matched_endpoints AS e
  LEFT JOIN pod_addresses AS l ON l.pod = e.pod AND l.ip = e.ip
  LEFT JOIN addresses AS a ON a.ip = e.ip
  WHERE e.ip IS NOT NULL AND l.pod IS NULL
),
known_addresses AS (
  SELECT ip FROM claims
  UNION
  SELECT ip FROM addresses
),
boundaries AS (
  SELECT ip, valid_from_us AS boundary_us FROM claims
  UNION
  SELECT ip, valid_to_us FROM claims
  UNION
  SELECT ip, 0 FROM known_addresses
  UNION
  SELECT ip, 9000000000000000000 FROM known_addresses
),
spans AS (
  SELECT ip, boundary_us AS valid_from_us, LEAD(boundary_us) OVER (PARTITION BY ip ORDER BY boundary_us NULLS LAST) AS valid_to_us FROM boundaries
),
owned AS (
  SELECT s.ip, s.valid_from_us, s.valid_to_us, c.node, c.pod, c.is_after_end
  FROM spans AS s
  LEFT JOIN claims AS c ON c.ip = s.ip AND c.valid_from_us <= s.valid_from_us AND c.valid_to_us >= s.valid_to_us
  WHERE s.valid_to_us IS NOT NULL
  UNION ALL
  SELECT k.ip, -1, 0, c.node, c.pod, c.is_after_end
  FROM known_addresses AS k
  CROSS JOIN capture_time AS t
  LEFT JOIN claims AS c ON c.ip = k.ip AND c.valid_from_us <= t.last_us AND c.valid_to_us >= t.first_us
),
preferred AS (
  SELECT o.*, BOOL_AND(is_after_end) OVER (PARTITION BY ip, valid_from_us) AS has_only_claims_after_end FROM owned AS o
),
counted AS (
  SELECT
    ip, valid_from_us, valid_to_us,
    COUNT(DISTINCT node) AS node_count,
    MIN(node) AS node,
    COUNT(DISTINCT pod) AS pod_count,
    MIN(pod) AS pod,
    ARRAY_TO_STRING(LIST_SORT(LIST(DISTINCT pod)), ', ') AS claiming_pods
  FROM preferred
  WHERE COALESCE(is_after_end = has_only_claims_after_end, TRUE)
  GROUP BY ip, valid_from_us, valid_to_us
),
-- nodes that captured what another node sent to the address
receiving_nodes AS (
  SELECT DISTINCT c.dst_ip AS ip, c.node
  FROM client_sockets AS c
  INNER JOIN addresses AS a ON a.ip = c.src_ip AND a.owner_node <> c.node
),
contradicted AS (
  SELECT c.ip, c.valid_from_us
  FROM counted AS c
  INNER JOIN receiving_nodes AS r ON r.ip = c.ip
  INNER JOIN addresses AS a ON a.ip = c.ip
  GROUP BY c.ip, c.valid_from_us
  HAVING NOT BOOL_OR(r.node = COALESCE(c.node, a.owner_node, a.host_node))
)
SELECT
  c.ip, c.valid_from_us, c.valid_to_us,
  CASE
    WHEN c.node_count > 1 THEN NULL
    WHEN b.ip IS NOT NULL THEN NULL
    WHEN u.node <> COALESCE(c.node, a.host_node) THEN NULL
    ELSE COALESCE(c.node, a.owner_node, a.host_node, u.node)
  END AS node,
  CASE WHEN c.pod_count = 1 THEN c.pod END AS pod,
  CASE WHEN c.pod_count > 1 THEN c.claiming_pods END AS claiming_pods
FROM counted AS c
LEFT JOIN addresses AS a ON a.ip = c.ip
LEFT JOIN ttl_home_nodes AS u ON u.ip = c.ip
LEFT JOIN contradicted AS b ON b.ip = c.ip AND b.valid_from_us = c.valid_from_us
