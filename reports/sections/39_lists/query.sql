SELECT
  node || ' to ' || COALESCE(pod, pod_ip) || ':' || CAST(pod_port AS VARCHAR) AS way,
  client_count,
  connection_count,
  service,
  service_port
FROM distribution_lists
ORDER BY
  client_count DESC NULLS LAST, service NULLS LAST, node NULLS LAST, pod_ip NULLS LAST, pod_port NULLS LAST,
  service_port NULLS LAST
