-- about: What only labelling finds, as rows of `findings`: witnesses that disagree, requests that were not
-- about: captured, and what is wrong with a capture as a whole.
-- grain: thing worth knowing
-- key: finding, node, file, message
-- store: no
SELECT finding, severity, node, file, line_number, message, remedy FROM data_source_conflicts
UNION ALL
SELECT finding, severity, node, file, line_number, message, remedy FROM capture_findings
UNION ALL
SELECT
  'requests-not-captured', 'warning', CAST(NULL AS VARCHAR), file, CAST(NULL AS BIGINT),
  'counts ' || CAST(request_count AS VARCHAR) || ' answered requests; '
    || CAST(request_count - captured_count AS VARCHAR) || ' of them or more are in no capture',
  'if the captures ran all the time, nodes are missing or packets were lost; see no-capture and capture-loss'
FROM client_request_counts
WHERE captured_count < request_count
UNION ALL
SELECT
  'icmp-errors', 'note', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  CAST(SUM(packet_count) AS VARCHAR) || ' ICMP errors were captured (' || ARRAY_TO_STRING(LIST_SORT(LIST(DISTINCT error)), ', ')
    || '), e.g. from ' || MIN(reporter_ip) || ' about ' || MIN(src_ip || ' -> ' || dst_ip),
  'see the table icmp_errors, and the column icmp_errors of flows'
FROM icmp_errors
GROUP BY node
UNION ALL
SELECT
  'rule-drift', 'warning', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'its rules treat ' || CAST(COUNT(DISTINCT chain) AS VARCHAR) || ' Services otherwise than most nodes'' do, e.g. '
    || MIN(COALESCE(service, chain) || ': ' || difference || ' ' || value),
  'see the table rule_drifts; dump all nodes at one moment; endpoints by zone (topology hints) differ by design'
FROM rule_drifts
GROUP BY node
UNION ALL
SELECT
  'rules-outdated', 'warning', CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'connections to ' || dst_ip || ':' || CAST(dst_port AS VARCHAR) || '/' || protocol
    || ' reached endpoints that the rules dumped do not have: the rules are older or newer than the traffic',
  'no pod of it is named by the rules alone; dump the rules right before and after the load'
FROM stale_rules
