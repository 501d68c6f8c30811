-- about: Legs put together into connections, each leg with its rank: the first by part and time is the anchor; of the legs
-- about: after translation, one that was answered or carried data comes before a dead attempt, and one with another source
-- about: before one with the client's: a bridge shows packets half rewritten. A leg to a socket that neither rules nor
-- about: objects know is one after translation where it has the marks of an ingress leg.
-- grain: conversation at one vantage
-- key: flow
-- store: no
WITH grouped AS (
  SELECT
    g.*, l.leg, l.node, l.rules_node, l.to_endpoint, l.src_ip, l.dst_ip, l.at_us,
    COALESCE(l.synack_count > 0 OR l.payload_bytes > 0, FALSE) AS is_alive
  FROM groups AS g
  INNER JOIN legs AS l ON l.flow = g.flow
),
strangers AS (
  SELECT u.flow
  FROM grouped AS u
  INNER JOIN grouped AS i ON i.group_key = u.group_key AND i.leg = 'ingress'
  WHERE u.leg = 'unknown' AND u.has_marks
  GROUP BY u.flow, u.dst_ip
  HAVING u.dst_ip <> MIN(i.dst_ip)
),
keyed AS (
  SELECT
    g.flow, g.leg, g.src_ip, g.at_us, g.is_alive, g.has_marks,
    COALESCE(k.ingress_key, g.group_key) AS stitch_key,
    g.leg IN ('forward', 'delivery') OR (g.leg = 'unknown' AND (g.to_endpoint OR s.flow IS NOT NULL)) AS is_after,
    CASE
      WHEN g.leg = 'ingress' AND g.rules_node = g.node THEN 1
      WHEN g.leg = 'ingress' THEN 2
      WHEN g.leg = 'delivery' THEN 3
      WHEN g.leg = 'forward' THEN 4
      ELSE 5
    END AS leg_rank
  FROM grouped AS g
  LEFT JOIN links AS k ON k.after_key = g.group_key
  LEFT JOIN strangers AS s ON s.flow = g.flow
),
clients AS (
  SELECT stitch_key, MIN(src_ip) AS client_ip FROM keyed WHERE leg = 'ingress' GROUP BY stitch_key
),
known AS (
  SELECT k.*, COALESCE(c.client_ip = k.src_ip, FALSE) AS has_client
  FROM keyed AS k
  LEFT JOIN clients AS c ON c.stitch_key = k.stitch_key
)
SELECT
  flow, stitch_key, is_after, has_marks,
  CASE WHEN has_marks THEN 'stitched' ELSE 'time' END AS join_grade,
  ROW_NUMBER() OVER (PARTITION BY stitch_key ORDER BY leg_rank, at_us NULLS LAST, flow) AS anchor_rank,
  ROW_NUMBER() OVER (
    PARTITION BY stitch_key, is_after
    ORDER BY CASE WHEN is_alive THEN 0 ELSE 1 END, CASE WHEN has_client THEN 1 ELSE 0 END, leg_rank, at_us NULLS LAST, flow
  ) AS after_rank,
  COUNT(*) OVER (PARTITION BY stitch_key) AS flow_count
FROM known
