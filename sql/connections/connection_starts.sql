-- about: One row per connection that has a time, with its begin by the reference clock, so that buckets of several nodes add up.
-- grain: connection
-- key: connection_id
-- store: no
SELECT
  c.connection_id, c.service, c.label, c.ingress_node, c.trace_id, c.affinity, c.affinity_reason,
  COALESCE(c.ingress_node, c.snat_ip) AS entered_at,
  COALESCE(c.pod, c.pod_ip) AS served_by,
  c.start_us - COALESCE(k.clock_offset_us, 0) AS corrected_start_us
FROM connections AS c
LEFT JOIN captures AS f ON f.capture_id = SUBSTR(c.connection_id, 1, 8)
LEFT JOIN clock_corrections AS k ON k.node = f.node
WHERE c.start_us IS NOT NULL
