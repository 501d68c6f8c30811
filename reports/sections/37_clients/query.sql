SELECT
  c.service,
  CASE WHEN c.pod_count = 1 THEN '1 pod' ELSE CAST(c.pod_count AS VARCHAR) || ' pods' END AS pods_reached,
  c.client_count,
  c.connection_count,
  c.most_node_count,
  v.effective_clients
FROM distribution_clients AS c
LEFT JOIN verdicts AS v ON v.service = c.service
ORDER BY v.connection_count DESC NULLS LAST, c.service NULLS LAST, c.pod_count NULLS LAST
