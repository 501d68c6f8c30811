-- about: Legs put into groups that are one conversation before looking at time: by marks, exactly; without any mark
-- about: (UDP, exports without sequence numbers), one 5-tuple in the same place of its series at each vantage.
-- about: Two connections may share a SYN's number where it has no timestamp. Where one node shows two
-- about: clients or two endpoints, more than a second apart, it is such a chance, and the marks do not count; nor where
-- about: the SYNs of what they join have several numbers.
-- grain: conversation at one vantage
-- key: flow
-- store: no
WITH sides AS (
  SELECT
    r.root, l.node, l.start_us, l.src_ip, l.src_port, l.dst_ip, l.dst_port,
    l.leg = 'ingress' AS is_before
  FROM legs AS l
  INNER JOIN roots AS r ON r.flow = l.flow
  WHERE l.leg = 'ingress'
    OR (l.leg IN ('forward', 'delivery') AND (l.synack_count > 0 OR COALESCE(l.payload_bytes, 0) > 0))
),
long_ones AS (
  SELECT root, node, is_before FROM sides GROUP BY root, node, is_before HAVING MAX(start_us) - MIN(start_us) > 1000000
),
muddled AS (
  SELECT DISTINCT s.root
  FROM sides AS s
  INNER JOIN long_ones AS l ON l.root = s.root AND l.node = s.node AND l.is_before = s.is_before
  GROUP BY s.root, s.node, s.is_before
  HAVING MIN(src_ip) <> MAX(src_ip) OR MIN(src_port) <> MAX(src_port)
    OR MIN(dst_ip) <> MAX(dst_ip) OR MIN(dst_port) <> MAX(dst_port)
  UNION
  SELECT r.root FROM roots AS r INNER JOIN legs AS l ON l.flow = r.flow GROUP BY r.root HAVING MIN(l.tcp_isn) <> MAX(l.tcp_isn)
),
unmarked AS (
  SELECT
    l.flow, l.protocol, l.src_ip, l.src_port, l.dst_ip, l.dst_port,
    ROW_NUMBER() OVER (
      PARTITION BY l.node, l.interface, l.protocol, l.src_ip, l.src_port, l.dst_ip, l.dst_port
      ORDER BY l.start_us NULLS LAST, l.flow
    ) AS place
  FROM legs AS l
  LEFT JOIN roots AS r ON r.flow = l.flow
  LEFT JOIN muddled AS m ON m.root = r.root
  WHERE r.root IS NULL OR m.root IS NOT NULL
)
SELECT r.flow, r.root AS group_key, TRUE AS has_marks
FROM roots AS r
INNER JOIN legs AS l ON l.flow = r.flow
LEFT JOIN muddled AS m ON m.root = r.root
WHERE m.root IS NULL
UNION ALL
SELECT
  flow,
  MIN(flow) OVER (PARTITION BY protocol, src_ip, src_port, dst_ip, dst_port, place) AS group_key,
  FALSE AS has_marks
FROM unmarked
