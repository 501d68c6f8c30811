-- about: How many connections the captures may have lost every packet of on their way between two nodes, so that they look
-- about: as if they had stayed: the share of legs seen arriving that were not seen leaving, times that of legs seen
-- about: leaving that were not seen arriving, times all connections. What begins or ends with a capture tells nothing.
-- grain: protocol
-- key: protocol
-- store: no
WITH common AS (
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
  FROM common
),
homes AS (
  SELECT
    s.connection_key, s.protocol, s.leg, s.node, s.dst_node,
    COALESCE(s.src_node, p.node) AS src_node,
    COALESCE(s.corrected_start_us >= w.first_us AND s.corrected_start_us + s.end_us - s.start_us <= w.last_us, TRUE) AS is_inside
  FROM connection_legs AS s
  CROSS JOIN windows AS w
  LEFT JOIN address_owners AS p ON p.ip = s.src_ip AND p.valid_from_us = -1
),
ways AS (
  SELECT
    h.connection_key, h.protocol,
    BOOL_OR(h.leg = 'ingress') AS has_ingress,
    COALESCE(BOOL_OR(h.leg = 'forward' AND h.src_node = h.node AND n.node IS NOT NULL), FALSE) AS has_left,
    COALESCE(BOOL_OR(h.leg = 'delivery' AND h.src_node <> h.node AND m.node IS NOT NULL), FALSE) AS has_arrived
  FROM homes AS h
  LEFT JOIN captured_nodes AS n ON n.node = h.dst_node
  LEFT JOIN captured_nodes AS m ON m.node = h.src_node
  GROUP BY h.connection_key, h.protocol
  HAVING BOOL_AND(h.is_inside)
),
counted AS (
  SELECT
    protocol,
    COUNT(*) FILTER (WHERE has_ingress) AS connection_count,
    COUNT(*) FILTER (WHERE has_left) AS left_count,
    COUNT(*) FILTER (WHERE has_left AND NOT has_arrived) AS not_arrived_count,
    COUNT(*) FILTER (WHERE has_arrived) AS arrived_count,
    COUNT(*) FILTER (WHERE has_arrived AND NOT has_left) AS not_left_count
  FROM ways
  GROUP BY protocol
)
SELECT
  protocol,
  CASE WHEN left_count = 0 OR arrived_count = 0 THEN 0 ELSE
    CAST(connection_count AS DOUBLE) * not_arrived_count / left_count * not_left_count / arrived_count
  END AS unseen_count
FROM counted
