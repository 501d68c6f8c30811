-- about: Legs put together into connections, each leg with its ranks: the first by part and time is the anchor; of the legs
-- about: after translation, one that was answered or carried data comes before a dead attempt, and one with another source
-- about: before one with the client's: a bridge shows packets half rewritten. A leg to a socket that neither rules nor
-- about: objects know is one after translation where it has the marks of an ingress leg.
-- grain: conversation at one vantage
-- key: flow_number
-- store: no
WITH grouped AS (
  SELECT
    g.*, l.leg, l.is_on_ingress_node, l.is_to_endpoint, l.src_address_number, l.dst_address_number, l.corrected_start_us,
    COALESCE(l.synack_count > 0 OR l.payload_bytes > 0, FALSE) AS is_alive
  FROM leg_groups AS g
  INNER JOIN legs AS l ON l.flow_number = g.flow_number
),
strangers AS (
  SELECT u.flow_number
  FROM grouped AS u
  INNER JOIN grouped AS i ON i.group_key = u.group_key AND i.leg = 'ingress'
  WHERE u.leg = 'unknown' AND u.has_fingerprint
  GROUP BY u.flow_number, u.dst_address_number
  HAVING u.dst_address_number <> MIN(i.dst_address_number)
),
keyed AS (
  SELECT
    g.flow_number, g.leg = 'ingress' AS is_ingress, g.src_address_number, g.corrected_start_us, g.is_alive, g.has_fingerprint,
    COALESCE(k.ingress_key, g.group_key) AS connection_key,
    g.leg IN ('forward', 'delivery') OR (g.leg = 'unknown' AND (g.is_to_endpoint OR s.flow_number IS NOT NULL)) AS is_post_nat,
    CASE
      WHEN g.leg = 'ingress' AND g.is_on_ingress_node THEN 1
      WHEN g.leg = 'ingress' THEN 2
      WHEN g.leg = 'delivery' THEN 3
      WHEN g.leg = 'forward' THEN 4
      ELSE 5
    END AS leg_rank
  FROM grouped AS g
  LEFT JOIN nat_pairs_by_time AS k ON k.post_nat_key = g.group_key
  LEFT JOIN strangers AS s ON s.flow_number = g.flow_number
),
wholes AS (
  SELECT
    connection_key,
    MIN(CASE WHEN is_ingress THEN src_address_number END) AS client_address_number,
    BOOL_OR(is_post_nat) AS has_post_nat,
    COUNT(*) AS flow_count
  FROM keyed
  GROUP BY connection_key
)
SELECT
  k.flow_number, k.connection_key, k.is_post_nat, k.has_fingerprint, k.leg_rank, k.corrected_start_us,
  CASE WHEN k.is_alive THEN 0 ELSE 2 END + CASE WHEN w.client_address_number = k.src_address_number THEN 1 ELSE 0 END AS post_nat_rank,
  w.client_address_number IS NOT NULL AS has_ingress, w.has_post_nat, w.flow_count
FROM keyed AS k
INNER JOIN wholes AS w ON w.connection_key = k.connection_key
