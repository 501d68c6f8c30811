SELECT
  entered_at,
  pod_node,
  hop,
  CAST(SUM(connection_count) AS BIGINT) AS connection_count
FROM distribution_paths
WHERE hop IN ('local', 'forwarded')
GROUP BY entered_at, pod_node, hop
ORDER BY entered_at NULLS LAST, connection_count DESC NULLS LAST, pod_node NULLS LAST, hop NULLS LAST
