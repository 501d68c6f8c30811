-- about: Roots of marks that do not count: two connections may share a SYN's number where it has no timestamp. Where one node shows two
-- about: clients or two endpoints, more than a second apart, it is such a chance, and the marks do not count; nor where
-- about: the SYNs of what they join have several numbers.
-- grain: root of marks
-- key: root
-- store: no
WITH long_ones AS (
  SELECT root, node, is_before
  FROM sides
  GROUP BY root, node, is_before
  HAVING MAX(start_us) - MIN(start_us) > 1000000
),
suspects AS (
  SELECT s.flow, s.root, s.node, s.is_before
  FROM sides AS s
  INNER JOIN long_ones AS o ON o.root = s.root AND o.node = s.node AND o.is_before = s.is_before
),
sockets AS (
  SELECT s.root, s.node, s.is_before, c.src_ip, l.src_port, c.dst_ip, c.dst_port
  FROM legs AS l
  INNER JOIN suspects AS s ON s.flow = l.flow
  INNER JOIN roles AS c ON c.call = l.call
)
SELECT root
FROM sockets
GROUP BY root, node, is_before
HAVING MIN(src_ip) <> MAX(src_ip) OR MIN(src_port) <> MAX(src_port)
  OR MIN(dst_ip) <> MAX(dst_ip) OR MIN(dst_port) <> MAX(dst_port)
UNION
SELECT root
FROM rooted
WHERE root IS NOT NULL
GROUP BY root
HAVING MIN(tcp_isn) <> MAX(tcp_isn)
