-- about: Where connection tracking, or a list of remembered clients, says another thing than the packets,
-- about: or packets another thing than the names of nodes; rows of `findings`.
-- grain: connection, or list of clients
-- key: file, message
-- store: no
SELECT
  'witnesses-disagree' AS finding,
  'warning' AS severity,
  j.rules_node AS node,
  c.file,
  CAST(split_part(j.connection_id, '-', 2) AS BIGINT) AS line_number,
  j.connection_id || ': ' || j.conflict AS message,
  'look at both with `hopscope explain`; a clock that is off, or a port used twice, can be the cause' AS remedy
FROM connection_evidence AS j
LEFT JOIN captures AS c ON c.capture_id = split_part(j.connection_id, '-', 1)
WHERE j.conflict IS NOT NULL
UNION ALL
SELECT
  'witnesses-disagree',
  'warning',
  rules_node,
  CAST(NULL AS VARCHAR),
  CAST(NULL AS BIGINT),
  CAST(COUNT(*) AS VARCHAR) || ' of its connections have a leg that cannot be where it was seen, e.g. ' || MIN(connection_id),
  'an export, a dump or a pod has the wrong node''s name; look at it with `hopscope explain`'
FROM connection_evidence
WHERE has_conflict AND conflict IS NULL
GROUP BY rules_node
UNION ALL
SELECT
  'witnesses-disagree',
  'warning',
  f.node,
  c.file,
  CAST(NULL AS BIGINT),
  'the list ' || f.list_name || ' does not remember ' || CAST(COUNT(DISTINCT f.src_ip) AS VARCHAR)
    || ' clients that the packets show going to its endpoint, e.g. ' || MIN(f.src_ip) || ' in ' || MIN(f.connection_id),
  'look at it with `hopscope explain`; a dump of another node, or lists that were flushed, can be the cause'
FROM recent_list_conflicts AS f
LEFT JOIN captures AS c ON c.capture_id = f.capture_id
GROUP BY f.node, c.file, f.list_name
