SELECT
  COALESCE(p.node, p.snat_ip) || ' to ' || COALESCE(p.pod, p.pod_ip) || ':' || CAST(p.pod_port AS VARCHAR)
  || '/' || t.protocol AS way,
  t.bucket_us,
  CAST(t.width_us AS DOUBLE) / 1000000 AS width_s,
  t.held_count,
  CAST(t.held_count AS DOUBLE) / p.range_count AS range_share
FROM distribution_port_times AS t
INNER JOIN distribution_ports AS p
  ON p.snat_ip = t.snat_ip AND p.protocol = t.protocol AND p.pod_ip = t.pod_ip AND p.pod_port = t.pod_port
ORDER BY
  p.held_count DESC NULLS LAST, p.snat_ip NULLS LAST, p.pod_ip NULLS LAST, p.pod_port NULLS LAST,
  p.protocol NULLS LAST, t.bucket_us NULLS LAST
