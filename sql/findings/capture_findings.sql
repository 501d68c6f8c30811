-- about: What is wrong with a capture as a whole, as rows of `findings`: clocks that are apart or were set meanwhile, packets
-- about: that the capture lost, nodes that objects name otherwise, dumps that were taken long before or after the packets.
-- grain: thing worth knowing
-- key: finding, node, file, message
-- store: no
WITH sides AS (
  SELECT node, spread_us FROM clock_offsets
  UNION ALL
  SELECT other_node, spread_us FROM clock_offsets
),
wild AS (
  SELECT s.node, MIN(s.spread_us) AS spread_us
  FROM sides AS s
  LEFT JOIN clock_corrections AS c ON c.node = s.node
  WHERE c.node IS NULL
  GROUP BY s.node
),
captured AS (
  SELECT MIN(first_us) AS first_us, MAX(last_us) AS last_us FROM captures
),
balanced AS (
  SELECT b.rule, b.distribution, MIN(s.service) AS service, BOOL_OR(COALESCE(s.session_affinity = 'ClientIP', FALSE)) AS has_client_affinity
  FROM load_balancer_rules AS b
  LEFT JOIN services AS s ON substr('a' || replace(s.uid, '-', ''), 1, 32) = substr(b.frontend, 1, 32)
  GROUP BY b.rule, b.distribution
)
SELECT
  'clocks-apart' AS finding,
  'warning' AS severity,
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
  'clock-unsteady', 'warning', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'the clock of ' || node || ' moved by ' || CAST(ROUND(CAST(spread_us AS DOUBLE) / 1000000, 3) AS VARCHAR)
    || ' s or more against those of other nodes while packets were captured',
  'its times are not compared with other nodes'' times; see `chronyc tracking` on it before the next capture'
FROM wild
UNION ALL
SELECT
  'capture-loss', 'warning', c.node, c.file, CAST(NULL AS BIGINT),
  CAST(l.missing_count AS VARCHAR) || ' of ' || CAST(l.expected_count AS VARCHAR)
    || ' packets of TCP handshakes that must have been there are not: about '
    || CAST(ROUND(CAST(100 * l.missing_count AS DOUBLE) / l.expected_count, 2) AS VARCHAR) || ' % of the packets were lost',
  'an answer that rests on what was not seen is less sure; capture with a filter or a larger buffer (`tshark -B 64`)'
FROM handshake_loss AS l
INNER JOIN captures AS c ON c.capture_id = l.capture_id
WHERE l.missing_count > 0
UNION ALL
SELECT
  'node-alias', 'note', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'is called ' || object_node || ' by the cluster''s objects: an address of both is the same',
  'name folders as `kubectl get nodes` does'
FROM node_name_matches
WHERE node IS NOT NULL AND object_node IS NOT NULL
UNION ALL
SELECT
  'unlisted-node', 'warning', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'node ' || node || ' has packets but is not in `kubectl get nodes`; it may have another name there',
  'name folders as `kubectl get nodes` does, or add `ip -j addr` of each node'
FROM node_name_matches
WHERE object_node IS NULL
UNION ALL
SELECT
  'stale-dump', 'warning', c.node, c.file, CAST(NULL AS BIGINT),
  'was made ' || CAST(ROUND(CAST(CASE WHEN c.taken_us < p.first_us THEN p.first_us - c.taken_us
    ELSE c.taken_us - p.last_us END AS DOUBLE) / 3600000000, 1) AS VARCHAR) || ' hours '
    || CASE WHEN c.taken_us < p.first_us THEN 'before the first' ELSE 'after the last' END || ' packet',
  'what changed in between is not known; take dumps right before and after the load'
FROM captures AS c
CROSS JOIN captured AS p
WHERE
  -- a time without its zone can be hours off: only what no zone explains is told
  c.taken_us < p.first_us - CASE WHEN c.taken_in_utc THEN 3600000000 ELSE 54000000000 END
  OR c.taken_us > p.last_us + CASE WHEN c.taken_in_utc THEN 3600000000 ELSE 54000000000 END
UNION ALL
SELECT
  'clients-to-one-node', 'note', CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'the load balancer sends all connections of a client of ' || COALESCE(service, rule) || ' to one node (' || distribution
    || ')',
  'with few clients few nodes get connections; load from many clients if all nodes are to be used'
FROM balanced
WHERE distribution <> 'Default'
UNION ALL
SELECT
  'clients-to-any-node', 'warning', CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'each node remembers the clients of ' || service || ' by itself, and the load balancer sends a client to any node',
  'a client stays with one pod only if its `loadDistribution` is SourceIP'
FROM balanced
WHERE distribution = 'Default' AND has_client_affinity
