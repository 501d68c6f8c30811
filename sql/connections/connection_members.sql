-- about: One row per leg with its connection and its two ranks there. `leg_rank` orders all legs: the first, by rank and time,
-- about: is the anchor (`connection_anchors`). `post_nat_rank` orders the legs after NAT: one that was answered or carried data
-- about: comes before a dead attempt (0 and 1 before 2 and 3), and one with a rewritten source before one with the client's
-- about: address, because a bridge shows packets half rewritten.
-- about: A leg to a socket that neither rules nor objects know is after NAT if it shares a fingerprint with an ingress leg that
-- about: has another destination.
-- grain: directed flow
-- key: flow_number
-- store: no
WITH grouped AS (
  SELECT
    g.*, l.leg, l.is_on_ingress_node, l.is_to_endpoint, l.src_address_number, l.dst_address_number, l.corrected_start_us,
    COALESCE(l.synack_count > 0 OR l.payload_bytes > 0, FALSE) AS is_alive
  FROM leg_groups AS g
  INNER JOIN legs AS l ON l.flow_number = g.flow_number
),
to_unknown_sockets AS (
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
      -- the node that translates: it has the client's own view, and its rules are those that decide
      WHEN g.leg = 'ingress' AND g.is_on_ingress_node THEN 1
      -- an ingress leg on another node: a packet on its way to a node port
      WHEN g.leg = 'ingress' THEN 2
      -- the pod's own node comes before a node in between
      WHEN g.leg = 'delivery' THEN 3
      WHEN g.leg = 'forward' THEN 4
      ELSE 5
    END AS leg_rank
  FROM grouped AS g
  LEFT JOIN nat_pairs_by_time AS k ON k.post_nat_key = g.group_key
  LEFT JOIN to_unknown_sockets AS s ON s.flow_number = g.flow_number
),
per_connection AS (
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
  CASE WHEN k.is_alive THEN 0 ELSE 2 END + CASE WHEN c.client_address_number = k.src_address_number THEN 1 ELSE 0 END
    AS post_nat_rank,
  c.client_address_number IS NOT NULL AS has_ingress, c.has_post_nat, c.flow_count
FROM keyed AS k
INNER JOIN per_connection AS c ON c.connection_key = k.connection_key
