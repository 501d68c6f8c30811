-- about: Connections of which connection tracking says another thing than the packets, as rows of `findings`.
-- grain: connection
-- key: file, message
-- store: no
SELECT
  'witnesses-disagree' AS finding,
  'warning' AS severity,
  j.rules_node AS node,
  c.file,
  CAST(split_part(j.connection_id, '-', 2) AS BIGINT) AS line_number,
  j.connection_id || ': ' || j.disagreement AS message,
  'look at both with `hopscope explain`; a clock that is off, or a port used twice, can be the cause' AS remedy
FROM joined AS j
LEFT JOIN captures AS c ON c.capture_id = split_part(j.connection_id, '-', 1)
WHERE j.disagreement IS NOT NULL
