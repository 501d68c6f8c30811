-- about: One row per finding that needs labels, without its severity: pipeline/labelling/findings.py adds what
-- about: pipeline/schema/findings.py declares. Five sources, in this order: data sources that contradict each other (conntrack
-- about: against the packets of a connection; a leg on a node where it cannot be; an xt_recent list against the packets), the
-- about: capture as a whole (`capture_findings`), requests that were not captured, ICMP errors, and rules that differ from those
-- about: of other nodes or of the time of the traffic.
-- grain: finding
-- key: finding, node, file, message
-- store: no
SELECT
  'witnesses-disagree' AS finding,
  j.rules_node AS node,
  c.file,
  CAST(split_part(j.connection_id, '-', 2) AS BIGINT) AS line_number,
  j.connection_id || ': ' || j.conntrack_difference AS message,
  'look at both with `hopscope explain`; a clock that is off, or a port used twice, can be the cause' AS remedy
FROM connection_evidence AS j
LEFT JOIN captures AS c ON c.capture_id = split_part(j.connection_id, '-', 1)
WHERE j.conntrack_difference IS NOT NULL
UNION ALL
SELECT
  'witnesses-disagree', rules_node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  CAST(COUNT(*) AS VARCHAR) || ' of its connections have a leg that cannot be where it was seen, e.g. ' || MIN(connection_id),
  'an export, a dump or a pod has the wrong node''s name; look at it with `hopscope explain`'
FROM connection_evidence
WHERE has_conflict AND conntrack_difference IS NULL
GROUP BY rules_node
UNION ALL
SELECT
  'witnesses-disagree', f.node, c.file, CAST(NULL AS BIGINT),
  'the list ' || f.list_name || ' lacks ' || CAST(COUNT(DISTINCT f.src_ip) AS VARCHAR)
    || ' clients that the packets show going to its endpoint, e.g. ' || MIN(f.src_ip) || ' in ' || MIN(f.connection_id),
  'look at it with `hopscope explain`; a dump of another node, or lists that were flushed, can be the cause'
FROM recent_list_conflicts AS f
LEFT JOIN captures AS c ON c.capture_id = f.capture_id
GROUP BY f.node, c.file, f.list_name
UNION ALL
SELECT finding, node, file, line_number, message, remedy FROM capture_findings
UNION ALL
SELECT
  'requests-not-captured', CAST(NULL AS VARCHAR), file, CAST(NULL AS BIGINT),
  'counts ' || CAST(request_count AS VARCHAR) || ' answered requests; '
    || CAST(request_count - captured_count AS VARCHAR) || ' of them or more are in no capture',
  'if the captures ran all the time, nodes are missing or packets were lost; see no-capture and capture-loss'
FROM client_request_counts
WHERE captured_count < request_count
UNION ALL
SELECT
  'icmp-errors', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  CAST(SUM(packet_count) AS VARCHAR) || ' ICMP errors were captured (' || ARRAY_TO_STRING(LIST_SORT(LIST(DISTINCT error)), ', ')
    || '), e.g. from ' || MIN(reporter_ip) || ' about ' || MIN(src_ip || ' -> ' || dst_ip),
  'see the table icmp_errors, and the column icmp_errors of flows'
FROM icmp_errors
GROUP BY node
UNION ALL
SELECT
  'rule-drift', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'its rules treat ' || CAST(COUNT(DISTINCT chain) AS VARCHAR) || ' Services differently from most nodes'', e.g. '
    || MIN(COALESCE(service, chain) || ': ' || difference || ' ' || value),
  'see the table rule_drifts; dump all nodes at one moment; endpoints by zone (topology hints) differ by design'
FROM rule_drifts
GROUP BY node
UNION ALL
SELECT
  'rules-outdated', CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'connections to ' || dst_ip || ':' || CAST(dst_port AS VARCHAR) || '/' || protocol
    || ' reached endpoints that the rules dumped do not have: the rules are older or newer than the traffic',
  'rules alone decide no pod there; dump the rules right before and after the load'
FROM stale_rules
