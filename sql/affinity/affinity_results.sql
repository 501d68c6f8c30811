-- about: Session affinity: each connection held against its client's previous one on the same node and service port.
-- about: Only the first packet of a connection renews what a node remembers, so the timeout runs from first packet to
-- about: first packet; where the capture missed the earlier SYN it ran for longer than it seems, and where rules and objects
-- about: do not agree on it, what lies between is open. A client's first connection seen may have had one before the
-- about: capture began: that is said (`capture-start`) until the affinity's time is over.
-- grain: connection
-- key: connection_id
-- store: no
WITH begins AS (
  SELECT c.node, MIN(c.first_us - COALESCE(k.clock_offset_us, 0)) AS begin_us
  FROM captures AS c
  LEFT JOIN clock_corrections AS k ON k.node = c.node
  WHERE c.kind = 'packets'
  GROUP BY c.node
),
judged AS (
  SELECT
    t.*,
    b.node IS NOT NULL AS began_later,
    f.connection_id IS NOT NULL OR g.connection_id IS NOT NULL AS has_conflict,
    COALESCE(corrected_start_us - i.begin_us <= CAST(affinity_s AS BIGINT) * 1000000, FALSE) AS is_early,
    CASE
      WHEN corrected_start_us IS NULL OR pod_ip IS NULL OR affinity_least_s = 0 THEN 'unknown'
      WHEN f.connection_id IS NOT NULL OR g.connection_id IS NOT NULL THEN 'unknown'
      WHEN previous_id IS NULL AND b.node IS NOT NULL THEN 'unknown'
      WHEN previous_id IS NULL THEN 'first'
      WHEN corrected_start_us - previous_us > CAST(affinity_s AS BIGINT) * 1000000 THEN 'expired'
      WHEN corrected_start_us - previous_us > CAST(affinity_least_s AS BIGINT) * 1000000 THEN 'unknown'
      WHEN previous_ip IS NULL THEN 'unknown'
      WHEN previous_ip = pod_ip AND previous_port = pod_port THEN 'pinned'
      ELSE 'moved'
    END AS affinity
  FROM affinity_history AS t
  LEFT JOIN late_captures AS b ON b.node = t.rules_node
  LEFT JOIN begins AS i ON i.node = t.rules_node
  LEFT JOIN recent_list_conflicts AS f ON f.connection_id = t.connection_id
  LEFT JOIN recent_list_conflicts AS g ON g.connection_id = t.previous_id
)
SELECT
  j.connection_id,
  j.affinity,
  CASE
    WHEN has_conflict THEN 'witnesses-disagree'
    WHEN affinity = 'unknown' AND affinity_least_s < affinity_s THEN 'settings-differ'
    WHEN previous_id IS NULL AND began_later THEN 'capture-began-later'
    WHEN previous_id IS NULL AND first_us < corrected_start_us THEN 'other-node'
    WHEN affinity = 'first' AND is_early THEN 'capture-start'
    WHEN affinity <> 'moved' THEN NULL
    WHEN d.connection_id IS NOT NULL THEN 'endpoint-gone'
    WHEN o.connection_id IS NOT NULL THEN 'list-overflow'
    ELSE 'unexplained'
  END AS affinity_reason
FROM judged AS j
LEFT JOIN removed_endpoints AS d ON d.connection_id = j.connection_id
LEFT JOIN recent_list_overflows AS o ON o.connection_id = j.connection_id
