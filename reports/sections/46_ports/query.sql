SELECT
  COALESCE(node, snat_ip) || ' to ' || COALESCE(pod, pod_ip) || ':' || CAST(pod_port AS VARCHAR)
  || '/' || protocol AS way,
  held_count,
  range_share,
  range_count,
  least_port,
  most_port,
  peak_us,
  connection_count,
  snat_ip,
  service
FROM distribution_ports
ORDER BY
  held_count DESC NULLS LAST, snat_ip NULLS LAST, pod_ip NULLS LAST, pod_port NULLS LAST, protocol NULLS LAST
