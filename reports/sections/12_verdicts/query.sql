SELECT
  service,
  verdict,
  cause,
  doubt,
  p_value,
  nodes_p_value,
  rules_p_value,
  connection_count,
  judged_count,
  choice_count,
  pod_count,
  arrival_node_count,
  jain_index,
  jain_limit_index,
  peak_ratio,
  peak_limit_ratio
FROM verdicts
ORDER BY
  CASE WHEN verdict = 'uneven' THEN 0 ELSE 1 END, connection_count DESC NULLS LAST, service NULLS LAST
