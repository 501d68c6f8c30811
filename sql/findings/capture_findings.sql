-- about: One row per finding that a capture gives before it is labelled, without its severity (pipeline/labelling/findings.py
-- about: adds the declared one): clocks that differ by more than 50 ms or moved during the capture, packets that the capture
-- about: lost, nodes under another name than in the cluster's objects, dumps made more than an hour before or after the packets,
-- about: and load balancers whose distribution decides what session affinity can do.
-- about: A dump's time without a zone can be 14 hours off, so it counts as stale from 15 hours on.
-- grain: finding
-- key: finding, node, file, message
-- store: no
WITH nodes_of_pairs AS (
  SELECT node, spread_us FROM clock_offsets
  UNION ALL
  SELECT other_node, spread_us FROM clock_offsets
),
unsteady_clocks AS (
  SELECT s.node, MIN(s.spread_us) AS spread_us
  FROM nodes_of_pairs AS s
  LEFT JOIN clock_corrections AS c ON c.node = s.node
  WHERE c.node IS NULL
  GROUP BY s.node
),
packet_times AS (
  SELECT MIN(first_us) AS first_us, MAX(last_us) AS last_us FROM captures
),
load_balancers AS (
  SELECT
    b.rule, b.distribution,
    MIN(s.service) AS service,
    BOOL_OR(COALESCE(s.session_affinity = 'ClientIP', FALSE)) AS has_client_affinity
  FROM load_balancer_rules AS b
  LEFT JOIN services AS s ON substr('a' || replace(s.uid, '-', ''), 1, 32) = substr(b.frontend, 1, 32)
  GROUP BY b.rule, b.distribution
)
SELECT
  'clocks-apart' AS finding,
  node,
  CAST(NULL AS VARCHAR) AS file,
  CAST(NULL AS BIGINT) AS line_number,
  'the clock of ' || node || ' is ' || CAST(ROUND(CAST(abs(clock_offset_us) AS DOUBLE) / 1000000, 3) AS VARCHAR) || ' s '
    || CASE WHEN clock_offset_us > 0 THEN 'ahead of' ELSE 'behind' END || ' that of ' || reference_node AS message,
  'corrected where times of two nodes are compared, not in the times shown; let all nodes follow one clock (chrony, ntpd)'
    AS remedy
FROM clock_corrections
WHERE abs(clock_offset_us) > 50000
UNION ALL
SELECT
  'clock-unsteady', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'the clock of ' || node || ' moved by ' || CAST(ROUND(CAST(spread_us AS DOUBLE) / 1000000, 3) AS VARCHAR)
    || ' s or more against those of other nodes while packets were captured',
  'its times are not compared with other nodes'' times; see `chronyc tracking` on it before the next capture'
FROM unsteady_clocks
UNION ALL
SELECT
  'capture-loss', c.node, c.file, CAST(NULL AS BIGINT),
  CAST(l.missing_count AS VARCHAR) || ' of ' || CAST(l.expected_count AS VARCHAR)
    || ' packets of TCP handshakes are missing: about '
    || CAST(ROUND(CAST(100 * l.missing_count AS DOUBLE) / l.expected_count, 2) AS VARCHAR) || ' % of the packets were lost',
  'evidence of absence is weaker; capture with a filter or a larger buffer (`tshark -B 64`)'
FROM handshake_loss AS l
INNER JOIN captures AS c ON c.capture_id = l.capture_id
WHERE l.missing_count > 0
UNION ALL
SELECT
  'node-alias', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'has the name ' || object_node || ' in the cluster''s objects: both have one address',
  'name folders as `kubectl get nodes` does'
FROM node_name_matches
WHERE node IS NOT NULL AND object_node IS NOT NULL
UNION ALL
SELECT
  'unlisted-node', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'node ' || node || ' has packets but is not in `kubectl get nodes`; it may have another name there',
  'name folders as `kubectl get nodes` does, or add `ip -j addr` of each node'
FROM node_name_matches
WHERE object_node IS NULL
UNION ALL
SELECT
  'stale-dump', c.node, c.file, CAST(NULL AS BIGINT),
  'was made ' || CAST(ROUND(CAST(CASE WHEN c.taken_us < p.first_us THEN p.first_us - c.taken_us
    ELSE c.taken_us - p.last_us END AS DOUBLE) / 3600000000, 1) AS VARCHAR) || ' hours '
    || CASE WHEN c.taken_us < p.first_us THEN 'before the first' ELSE 'after the last' END || ' packet',
  'what changed in between is not known; take dumps right before and after the load'
FROM captures AS c
CROSS JOIN packet_times AS p
WHERE c.taken_us < p.first_us - CASE WHEN c.taken_in_utc THEN 3600000000 ELSE 54000000000 END
  OR c.taken_us > p.last_us + CASE WHEN c.taken_in_utc THEN 3600000000 ELSE 54000000000 END
UNION ALL
SELECT
  'clients-to-one-node', CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'the load balancer sends all connections of a client of ' || COALESCE(service, rule) || ' to one node (' || distribution
    || ')',
  'with few clients few nodes get connections; load from many clients to use all nodes'
FROM load_balancers
WHERE distribution <> 'Default'
UNION ALL
SELECT
  'clients-to-any-node', CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'each node keeps its own list of the clients of ' || service || ', and the load balancer sends a client to any node',
  'a client stays with one pod only if its `loadDistribution` is SourceIP'
FROM load_balancers
WHERE distribution = 'Default' AND has_client_affinity
