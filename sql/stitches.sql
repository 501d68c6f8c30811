-- about: Legs put together into connections, each leg with its rank: the first by part and time is the anchor; of the legs
-- about: after translation, one that was answered or carried data comes before a dead attempt.
-- grain: conversation at one vantage
-- key: flow_id
-- store: no
WITH keyed AS (
  SELECT
    g.*,
    COALESCE(l.ingress_key, g.group_key) AS stitch_key,
    CASE WHEN g.has_marks THEN 'stitched' ELSE 'time' END AS join_grade,
    CASE leg WHEN 'ingress' THEN 1 WHEN 'delivery' THEN 2 WHEN 'forward' THEN 3 ELSE 4 END AS leg_rank
  FROM groups AS g
  LEFT JOIN links AS l ON l.after_key = g.group_key
)
SELECT
  k.*,
  ROW_NUMBER() OVER (PARTITION BY stitch_key ORDER BY leg_rank, start_us NULLS LAST, flow_id) AS anchor_rank,
  ROW_NUMBER() OVER (
    PARTITION BY stitch_key, leg IN ('forward', 'delivery')
    ORDER BY CASE WHEN synack_count > 0 OR payload_bytes > 0 THEN 0 ELSE 1 END, leg_rank, start_us NULLS LAST, flow_id
  ) AS after_rank,
  COUNT(*) OVER (PARTITION BY stitch_key) AS flow_count
FROM keyed AS k
