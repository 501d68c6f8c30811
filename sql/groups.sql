-- about: Legs put into groups that are one conversation before looking at time: by marks, exactly; without any mark
-- about: (UDP, exports without sequence numbers), or where they do not count (`muddled`), one 5-tuple in the same place of its
-- about: series at each vantage.
-- grain: conversation at one vantage
-- key: flow
-- store: no
WITH left_over AS (
  SELECT p.flow
  FROM rooted AS p
  LEFT JOIN muddled AS m ON m.root = p.root
  WHERE p.root IS NULL OR m.root IS NOT NULL
),
unmarked AS (
  SELECT
    l.flow, c.protocol, c.src_ip, l.src_port, c.dst_ip, c.dst_port,
    ROW_NUMBER() OVER (
      PARTITION BY l.call, l.interface, l.src_port ORDER BY l.start_us NULLS LAST, l.flow
    ) AS place
  FROM legs AS l
  INNER JOIN left_over AS o ON o.flow = l.flow
  INNER JOIN roles AS c ON c.call = l.call
)
SELECT p.flow, p.root AS group_key, TRUE AS has_marks
FROM rooted AS p
LEFT JOIN muddled AS m ON m.root = p.root
WHERE p.root IS NOT NULL AND m.root IS NULL
UNION ALL
SELECT
  flow,
  MIN(flow) OVER (PARTITION BY protocol, src_ip, src_port, dst_ip, dst_port, place) AS group_key,
  FALSE AS has_marks
FROM unmarked
