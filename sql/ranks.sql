-- about: Legs put together into connections, each leg with its ranks: the first by part and time is the anchor; of the legs
-- about: after translation, one that was answered or carried data comes before a dead attempt, and one with another source
-- about: before one with the client's: a bridge shows packets half rewritten. A leg to a socket that neither rules nor
-- about: objects know is one after translation where it has the marks of an ingress leg.
-- grain: conversation at one vantage
-- key: flow
-- store: no
WITH grouped AS (
  SELECT
    g.*, l.leg, l.is_own, l.to_endpoint, l.src_host, l.dst_host, l.at_us,
    COALESCE(l.synack_count > 0 OR l.payload_bytes > 0, FALSE) AS is_alive
  FROM groups AS g
  INNER JOIN legs AS l ON l.flow = g.flow
),
strangers AS (
  SELECT u.flow
  FROM grouped AS u
  INNER JOIN grouped AS i ON i.group_key = u.group_key AND i.leg = 'ingress'
  WHERE u.leg = 'unknown' AND u.has_marks
  GROUP BY u.flow, u.dst_host
  HAVING u.dst_host <> MIN(i.dst_host)
),
keyed AS (
  SELECT
    g.flow, g.leg = 'ingress' AS is_ingress, g.src_host, g.at_us, g.is_alive, g.has_marks,
    COALESCE(k.ingress_key, g.group_key) AS stitch_key,
    g.leg IN ('forward', 'delivery') OR (g.leg = 'unknown' AND (g.to_endpoint OR s.flow IS NOT NULL)) AS is_after,
    CASE
      WHEN g.leg = 'ingress' AND g.is_own THEN 1
      WHEN g.leg = 'ingress' THEN 2
      WHEN g.leg = 'delivery' THEN 3
      WHEN g.leg = 'forward' THEN 4
      ELSE 5
    END AS leg_rank
  FROM grouped AS g
  LEFT JOIN links AS k ON k.after_key = g.group_key
  LEFT JOIN strangers AS s ON s.flow = g.flow
),
wholes AS (
  SELECT
    stitch_key,
    MIN(CASE WHEN is_ingress THEN src_host END) AS client_host,
    BOOL_OR(is_after) AS has_after,
    COUNT(*) AS flow_count
  FROM keyed
  GROUP BY stitch_key
)
SELECT
  k.flow, k.stitch_key, k.is_after, k.has_marks, k.leg_rank, k.at_us,
  CASE WHEN k.is_alive THEN 0 ELSE 2 END + CASE WHEN w.client_host = k.src_host THEN 1 ELSE 0 END AS after_rank,
  w.client_host IS NOT NULL AS has_ingress, w.has_after, w.flow_count
FROM keyed AS k
INNER JOIN wholes AS w ON w.stitch_key = k.stitch_key
