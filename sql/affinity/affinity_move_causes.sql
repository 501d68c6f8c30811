-- about: One row per connection that went to another endpoint than its client's previous one, if there is a cause for it.
-- about: `endpoint-gone`: the previous endpoint was removed. The node's rules, or the Service's ready endpoints, have the new one
-- about: and not the previous one; or the pod with the previous address had ended.
-- about: `list-overflow`: the previous endpoint's xt_recent list, which holds 100 addresses per node (`ip_list_tot`), forgot the
-- about: client. 100 other clients went to that endpoint since (among its next 1,000 connections), or a dump of the list shows
-- about: 100 addresses without this client, and was made after the last client went there. `recent_lists` has the same 100.
-- about: A removed endpoint comes first: its list no longer matters.
-- about: Limit: only the next 1,000 connections to that endpoint are counted, so the cost of one move is bounded. The join uses
-- about: blocks of 1,000 positions: the block of the previous connection, and the block after it.
-- grain: connection whose client moved
-- key: connection_id
-- store: no
WITH moves AS (
  SELECT * FROM affinity_history WHERE previous_ip IS NOT NULL AND pod_ip IS NOT NULL
    AND (previous_ip <> pod_ip OR previous_port <> pod_port)
),
endpoints_in_rules AS (
  SELECT DISTINCT node, protocol, service, endpoint_ip AS ip, endpoint_port AS port FROM decisions
),
ready_endpoints AS (
  SELECT DISTINCT protocol, service, ip, port FROM endpoints WHERE COALESCE(ready, TRUE)
),
pod_ends AS (
  -- 9000000000000000000: no end
  SELECT ip, MAX(COALESCE(valid_to_us, 9000000000000000000)) AS end_us FROM pods GROUP BY ip
),
removed AS (
  SELECT m.connection_id
  FROM moves AS m
  LEFT JOIN endpoints_in_rules AS n
    ON n.node = m.rules_node AND n.protocol = m.protocol AND n.service = m.service AND n.ip = m.pod_ip
    AND n.port = m.pod_port
  LEFT JOIN endpoints_in_rules AS o
    ON o.node = m.rules_node AND o.protocol = m.protocol AND o.service = m.service AND o.ip = m.previous_ip
    AND o.port = m.previous_port
  LEFT JOIN ready_endpoints AS r
    ON r.protocol = m.protocol AND r.service = m.service AND r.ip = m.pod_ip AND r.port = m.pod_port
  LEFT JOIN ready_endpoints AS s
    ON s.protocol = m.protocol AND s.service = m.service AND s.ip = m.previous_ip AND s.port = m.previous_port
  LEFT JOIN pod_ends AS e ON e.ip = m.previous_ip
  WHERE (n.ip IS NOT NULL AND o.ip IS NULL) OR (r.ip IS NOT NULL AND s.ip IS NULL)
    OR COALESCE(e.end_us < m.corrected_start_us, FALSE)
),
this_and_next AS (
  SELECT 0 AS step UNION ALL SELECT 1 AS step
),
move_blocks AS (
  SELECT m.*, CAST(floor(CAST(m.previous_position AS DOUBLE) / 1000) AS BIGINT) + t.step AS block
  FROM moves AS m
  CROSS JOIN this_and_next AS t
),
visit_blocks AS (
  SELECT h.*, CAST(floor(CAST(h.position AS DOUBLE) / 1000) AS BIGINT) AS block
  FROM affinity_history AS h
  WHERE h.pod_ip IS NOT NULL
),
overflowed_by_count AS (
  SELECT m.connection_id
  FROM move_blocks AS m
  INNER JOIN visit_blocks AS v
    ON v.rules_node = m.rules_node AND v.protocol = m.protocol AND v.service = m.service
    AND COALESCE(v.service_port, 0) = COALESCE(m.service_port, 0)
    AND v.pod_ip = m.previous_ip AND v.pod_port = m.previous_port AND v.block = m.block
    AND v.position > m.previous_position AND v.position <= m.previous_position + 1000
    AND v.corrected_start_us < m.corrected_start_us
  WHERE v.src_ip <> m.src_ip
  GROUP BY m.connection_id
  HAVING COUNT(DISTINCT v.src_ip) >= 100
),
last_clients AS (
  SELECT rules_node, protocol, service, pod_ip, pod_port, ARG_MAX(src_ip, position) AS src_ip
  FROM affinity_history
  GROUP BY rules_node, protocol, service, service_port, pod_ip, pod_port
),
overflowed_by_dump AS (
  SELECT m.connection_id
  FROM moves AS m
  INNER JOIN recent_lists AS l
    ON l.node = m.rules_node AND l.is_full AND l.endpoint
      = CASE WHEN m.previous_ip LIKE '%:%' THEN '[' || m.previous_ip || ']' ELSE m.previous_ip END
      || ':' || CAST(m.previous_port AS VARCHAR)
  INNER JOIN last_clients AS z
    ON z.rules_node = m.rules_node AND z.protocol = m.protocol AND z.service = m.service AND z.pod_ip = m.previous_ip
    AND z.pod_port = m.previous_port
  INNER JOIN recent_clients AS y
    ON y.node = l.node AND y.capture_id = l.capture_id AND y.list_name = l.list_name AND y.ip = z.src_ip
  LEFT JOIN recent_clients AS c
    ON c.node = l.node AND c.capture_id = l.capture_id AND c.list_name = l.list_name AND c.ip = m.src_ip
  WHERE c.ip IS NULL
),
causes AS (
  SELECT connection_id, 1 AS precedence, 'endpoint-gone' AS cause FROM removed
  UNION ALL
  SELECT connection_id, 2, 'list-overflow' FROM overflowed_by_count
  UNION ALL
  SELECT connection_id, 2, 'list-overflow' FROM overflowed_by_dump
)
SELECT connection_id, ARG_MIN(cause, precedence) AS cause FROM causes GROUP BY connection_id
