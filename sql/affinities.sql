-- about: Session affinity: each connection held against its client's previous one on the same node and service port.
-- about: Lists are stamped when a connection begins, so its time runs from there, however long the connection lasts.
-- grain: connection
-- key: connection_id
-- store: no
WITH previous AS (
  SELECT
    connection_id, affinity_s, rules_node, src_ip, protocol, service, service_port, pod_ip, pod_port, start_us, leg, certain,
    LAG(pod_ip) OVER turns AS previous_ip,
    LAG(pod_port) OVER turns AS previous_port,
    LAG(start_us) OVER turns AS previous_us,
    LAG(connection_id) OVER turns AS previous_id,
    MIN(start_us) OVER (PARTITION BY leg, src_ip, protocol, service, service_port) AS first_us
  FROM outcomes
  WHERE affinity_s IS NOT NULL AND leg = 'ingress'
  WINDOW turns AS (
    PARTITION BY leg, rules_node, src_ip, protocol, service, service_port
    ORDER BY start_us NULLS LAST, connection_id
  )
)
SELECT
  p.connection_id,
  CASE
    WHEN start_us IS NULL OR pod_ip IS NULL THEN 'unknown'
    WHEN previous_id IS NULL AND b.node IS NOT NULL THEN 'unknown'
    WHEN previous_id IS NULL THEN 'first'
    WHEN previous_ip IS NULL THEN 'unknown'
    WHEN start_us - previous_us > CAST(affinity_s AS BIGINT) * 1000000 THEN 'expired'
    WHEN previous_ip = pod_ip AND previous_port = pod_port THEN 'pinned'
    ELSE 'moved'
  END AS affinity,
  CASE
    WHEN previous_id IS NULL AND b.node IS NOT NULL THEN 'capture-began-later'
    WHEN previous_id IS NULL AND first_us < start_us THEN 'other-node'
  END AS affinity_reason
FROM previous AS p
LEFT JOIN beginnings AS b ON b.node = p.rules_node
