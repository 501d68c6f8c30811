-- about: Legs put together into connections, each leg with its rank: the first by part and time is the anchor; of the legs
-- about: after translation, one that was answered or carried data comes before a dead attempt, and one with another source
-- about: before one with the client's: a bridge shows packets half rewritten. A leg to a socket that neither rules nor
-- about: objects know is one after translation where it has the marks of an ingress leg.
-- grain: conversation at one vantage
-- key: flow_id
-- store: no
WITH keyed AS (
  SELECT
    g.*,
    COALESCE(MIN(CASE WHEN leg = 'ingress' THEN src_ip END) OVER (PARTITION BY COALESCE(l.ingress_key, g.group_key)) = src_ip, FALSE)
      AS has_client,
    COALESCE(l.ingress_key, g.group_key) AS stitch_key,
    CASE WHEN g.has_marks THEN 'stitched' ELSE 'time' END AS join_grade,
    leg IN ('forward', 'delivery') OR (leg = 'unknown' AND (to_endpoint OR COALESCE(
      has_marks AND dst_ip <> MIN(CASE WHEN leg = 'ingress' THEN dst_ip END) OVER (PARTITION BY group_key), FALSE
    ))) AS is_after,
    CASE
      WHEN leg = 'ingress' AND rules_node = node THEN 1
      WHEN leg = 'ingress' THEN 2
      WHEN leg = 'delivery' THEN 3
      WHEN leg = 'forward' THEN 4
      ELSE 5
    END AS leg_rank
  FROM groups AS g
  LEFT JOIN links AS l ON l.after_key = g.group_key
)
SELECT
  k.*,
  ROW_NUMBER() OVER (PARTITION BY stitch_key ORDER BY leg_rank, at_us NULLS LAST, flow_id) AS anchor_rank,
  ROW_NUMBER() OVER (
    PARTITION BY stitch_key, is_after
    ORDER BY CASE WHEN synack_count > 0 OR payload_bytes > 0 THEN 0 ELSE 1 END,
      CASE WHEN has_client THEN 1 ELSE 0 END, leg_rank, at_us NULLS LAST, flow_id
  ) AS after_rank,
  COUNT(*) OVER (PARTITION BY stitch_key) AS flow_count
FROM keyed AS k
