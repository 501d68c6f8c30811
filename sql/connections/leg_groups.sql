-- about: Legs put into groups that are one conversation before looking at time: by marks, exactly; without any mark
-- about: (UDP, exports without sequence numbers), or where they do not count (`muddled`), one 5-tuple in the same place of its
-- about: series at each vantage.
-- grain: conversation at one vantage
-- key: flow_number
-- store: no
WITH left_over AS (
  SELECT p.flow_number
  FROM leg_components AS p
  LEFT JOIN ambiguous_components AS m ON m.component = p.component
  WHERE p.component IS NULL OR m.component IS NOT NULL
),
unmarked AS (
  SELECT
    l.flow_number, c.protocol, c.src_ip, l.src_port, c.dst_ip, c.dst_port,
    ROW_NUMBER() OVER (
      PARTITION BY l.client_socket_number, l.interface, l.src_port ORDER BY l.start_us NULLS LAST, l.flow_number
    ) AS place
  FROM legs AS l
  INNER JOIN left_over AS o ON o.flow_number = l.flow_number
  INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
)
SELECT p.flow_number, p.component AS group_key, TRUE AS has_fingerprint
FROM leg_components AS p
LEFT JOIN ambiguous_components AS m ON m.component = p.component
WHERE p.component IS NOT NULL AND m.component IS NULL
UNION ALL
SELECT
  flow_number,
  MIN(flow_number) OVER (PARTITION BY protocol, src_ip, src_port, dst_ip, dst_port, place) AS group_key,
  FALSE AS has_fingerprint
FROM unmarked
