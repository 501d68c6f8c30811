-- about: Session affinity: each connection held against its client's previous one on the same node and service port.
-- about: Only the first packet of a connection renews what a node remembers, so the timeout runs from first packet to
-- about: first packet; where the capture missed the earlier SYN it ran for longer than it seems.
-- grain: connection
-- key: connection_id
-- store: no
WITH judged AS (
  SELECT
    t.*,
    b.node IS NOT NULL AS began_later,
    CASE
      WHEN at_us IS NULL OR pod_ip IS NULL THEN 'unknown'
      WHEN previous_id IS NULL AND b.node IS NOT NULL THEN 'unknown'
      WHEN previous_id IS NULL THEN 'first'
      WHEN at_us - previous_us > CAST(affinity_s AS BIGINT) * 1000000 THEN 'expired'
      WHEN previous_ip IS NULL THEN 'unknown'
      WHEN previous_ip = pod_ip AND previous_port = pod_port THEN 'pinned'
      ELSE 'moved'
    END AS affinity
  FROM turns AS t
  LEFT JOIN beginnings AS b ON b.node = t.rules_node
)
SELECT
  j.connection_id,
  j.affinity,
  CASE
    WHEN previous_id IS NULL AND began_later THEN 'capture-began-later'
    WHEN previous_id IS NULL AND first_us < at_us THEN 'other-node'
    WHEN affinity <> 'moved' THEN NULL
    WHEN d.connection_id IS NOT NULL THEN 'endpoint-gone'
    WHEN o.connection_id IS NOT NULL THEN 'list-overflow'
    ELSE 'unexplained'
  END AS affinity_reason
FROM judged AS j
LEFT JOIN departures AS d ON d.connection_id = j.connection_id
LEFT JOIN overflows AS o ON o.connection_id = j.connection_id
