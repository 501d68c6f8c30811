-- about: One row per protocol: how many forwarded connections the captures may have missed on both nodes, so that they
-- about: look local. It is a capture-recapture estimate, with two nodes that miss packets independently: the share of
-- about: arriving legs that were not seen to leave, times the share of leaving legs that were not seen to arrive, times
-- about: all connections. Connections at the edge of the time that all captures share (a second, or a twentieth of it)
-- about: do not count: half of them may lie outside.
-- grain: protocol
-- key: protocol
-- store: no
WITH common_time AS (
  SELECT
    MAX(c.first_us - COALESCE(k.clock_offset_us, 0)) AS first_us,
    MIN(c.last_us - COALESCE(k.clock_offset_us, 0)) AS last_us
  FROM captures AS c
  LEFT JOIN clock_corrections AS k ON k.node = c.node
  WHERE c.kind = 'packets' AND c.kept_count > 0
),
windows AS (
  SELECT
    first_us + LEAST(1000000, CAST(floor(CAST(last_us - first_us AS DOUBLE) / 20) AS BIGINT)) AS first_us,
    last_us - LEAST(1000000, CAST(floor(CAST(last_us - first_us AS DOUBLE) / 20) AS BIGINT)) AS last_us
  FROM common_time
),
located_legs AS (
  SELECT
    s.connection_key, s.protocol, s.leg, s.node, s.dst_node,
    COALESCE(s.src_node, p.node) AS src_node,
    COALESCE(s.corrected_start_us >= w.first_us AND s.corrected_start_us + s.end_us - s.start_us <= w.last_us, TRUE) AS is_inside
  FROM connection_legs AS s
  CROSS JOIN windows AS w
  LEFT JOIN address_owners AS p ON p.ip = s.src_ip AND p.valid_from_us = -1
),
connection_sides AS (
  SELECT
    l.connection_key, l.protocol,
    BOOL_OR(l.leg = 'ingress') AS has_ingress,
    COALESCE(BOOL_OR(l.leg = 'forward' AND l.src_node = l.node AND n.node IS NOT NULL), FALSE) AS has_left,
    COALESCE(BOOL_OR(l.leg = 'delivery' AND l.src_node <> l.node AND m.node IS NOT NULL), FALSE) AS has_arrived
  FROM located_legs AS l
  LEFT JOIN captured_nodes AS n ON n.node = l.dst_node
  LEFT JOIN captured_nodes AS m ON m.node = l.src_node
  GROUP BY l.connection_key, l.protocol
  HAVING BOOL_AND(l.is_inside)
),
counted AS (
  SELECT
    protocol,
    COUNT(*) FILTER (WHERE has_ingress) AS connection_count,
    COUNT(*) FILTER (WHERE has_left) AS left_count,
    COUNT(*) FILTER (WHERE has_left AND NOT has_arrived) AS not_arrived_count,
    COUNT(*) FILTER (WHERE has_arrived) AS arrived_count,
    COUNT(*) FILTER (WHERE has_arrived AND NOT has_left) AS not_left_count
  FROM connection_sides
  GROUP BY protocol
)
SELECT
  protocol,
  CASE WHEN left_count = 0 OR arrived_count = 0 THEN 0 ELSE
    CAST(connection_count AS DOUBLE) * not_arrived_count / left_count * not_left_count / arrived_count
  END AS unseen_count
FROM counted
