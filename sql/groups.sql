-- about: Legs put into groups that are one conversation before looking at time: by marks, exactly; without any mark
-- about: (UDP, exports without sequence numbers), one 5-tuple in the same place of its series at each vantage.
-- about: Two connections may share a SYN's number where it has no timestamp. Where one node shows two
-- about: clients or two endpoints, more than a second apart, it is such a chance, and the marks do not count; nor where
-- about: the SYNs of what they join have several numbers.
-- grain: conversation at one vantage
-- key: flow
-- store: no
WITH placed AS (
  SELECT l.flow, l.start_us, l.tcp_isn, r.root
  FROM legs AS l
  LEFT JOIN roots AS r ON r.flow = l.flow
),
odd AS (
  SELECT root, COALESCE(MIN(tcp_isn) <> MAX(tcp_isn), FALSE) AS has_several
  FROM placed
  WHERE root IS NOT NULL
  GROUP BY root
  HAVING MAX(start_us) - MIN(start_us) > 1000000 OR MIN(tcp_isn) <> MAX(tcp_isn)
),
sides AS (
  SELECT
    p.root, c.node, l.start_us, c.src_ip, l.src_port, c.dst_ip, c.dst_port,
    l.leg = 'ingress' AS is_before
  FROM placed AS p
  INNER JOIN odd AS o ON o.root = p.root
  INNER JOIN legs AS l ON l.flow = p.flow
  INNER JOIN roles AS c ON c.call = l.call
  WHERE l.leg = 'ingress'
    OR (l.leg IN ('forward', 'delivery') AND (l.synack_count > 0 OR COALESCE(l.payload_bytes, 0) > 0))
),
muddled AS (
  SELECT root
  FROM sides
  GROUP BY root, node, is_before
  HAVING MAX(start_us) - MIN(start_us) > 1000000
    AND (MIN(src_ip) <> MAX(src_ip) OR MIN(src_port) <> MAX(src_port)
      OR MIN(dst_ip) <> MAX(dst_ip) OR MIN(dst_port) <> MAX(dst_port))
  UNION
  SELECT root FROM odd WHERE has_several
),
sorted AS (
  SELECT p.flow, p.root, p.root IS NOT NULL AND m.root IS NULL AS has_marks
  FROM placed AS p
  LEFT JOIN muddled AS m ON m.root = p.root
),
unmarked AS (
  SELECT
    l.flow, c.protocol, c.src_ip, l.src_port, c.dst_ip, c.dst_port,
    ROW_NUMBER() OVER (
      PARTITION BY l.call, l.interface, l.src_port ORDER BY l.start_us NULLS LAST, l.flow
    ) AS place
  FROM sorted AS s
  INNER JOIN legs AS l ON l.flow = s.flow
  INNER JOIN roles AS c ON c.call = l.call
  WHERE NOT s.has_marks
)
SELECT flow, root AS group_key, has_marks FROM sorted WHERE has_marks
UNION ALL
SELECT
  flow,
  MIN(flow) OVER (PARTITION BY protocol, src_ip, src_port, dst_ip, dst_port, place) AS group_key,
  FALSE AS has_marks
FROM unmarked
