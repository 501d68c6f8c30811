-- about: Legs put into groups that are one conversation before looking at time: by marks, exactly; without any mark
-- about: (UDP, exports without sequence numbers), one 5-tuple in the same place of its series at each vantage.
-- about: Two connections may share a SYN's number where it has no timestamp. Where one node shows two
-- about: clients or two endpoints, more than a second apart, it is such a chance, and the marks do not count; nor where
-- about: the SYNs of what they join have several numbers.
-- grain: conversation at one vantage
-- key: flow_id
-- store: no
WITH marked AS (
  SELECT
    l.*,
    r.root,
    CASE
      WHEN leg = 'ingress' THEN 'before'
      WHEN leg IN ('forward', 'delivery') AND (synack_count > 0 OR COALESCE(payload_bytes, 0) > 0) THEN 'after'
    END AS side,
    src_ip || ' ' || CAST(src_port AS VARCHAR) || ' ' || dst_ip || ' ' || CAST(dst_port AS VARCHAR) AS sockets
  FROM legs AS l
  LEFT JOIN roots AS r ON r.flow_id = l.flow_id
),
muddled AS (
  SELECT DISTINCT root
  FROM marked
  WHERE root IS NOT NULL AND side IS NOT NULL
  GROUP BY root, side, node
  HAVING MIN(sockets) <> MAX(sockets) AND COALESCE(MAX(start_us) - MIN(start_us) > 1000000, FALSE)
  UNION
  SELECT root FROM marked WHERE root IS NOT NULL GROUP BY root HAVING MIN(tcp_isn) <> MAX(tcp_isn)
),
exact AS (
  SELECT m.*, m.root IS NOT NULL AND d.root IS NULL AS has_marks
  FROM marked AS m
  LEFT JOIN muddled AS d ON d.root = m.root
)
SELECT
  e.* EXCLUDE (root, side, sockets),
  CASE WHEN has_marks THEN root ELSE
    protocol || ' ' || sockets || ' #' || CAST(ROW_NUMBER() OVER (
      PARTITION BY node, interface, protocol, src_ip, src_port, dst_ip, dst_port, has_marks
      ORDER BY start_us NULLS LAST, flow_id
    ) AS VARCHAR)
  END AS group_key
FROM exact AS e
