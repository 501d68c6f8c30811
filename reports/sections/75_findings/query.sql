SELECT severity, finding, node, file, line_number, message, remedy
FROM findings
ORDER BY
  CASE severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END,
  finding NULLS LAST,
  node NULLS LAST,
  file NULLS LAST,
  line_number NULLS LAST,
  message NULLS LAST
