-- about: Legs put into groups that are one conversation before looking at time: by marks, exactly; without any mark
-- about: (UDP, exports without sequence numbers), one 5-tuple in the same place of its series at each vantage.
-- grain: conversation at one vantage
-- key: flow_id
-- store: no
SELECT
  l.*,
  r.root IS NOT NULL AS has_marks,
  COALESCE(
    r.root,
    protocol || ' ' || src_ip || ' ' || CAST(src_port AS VARCHAR) || ' ' || dst_ip || ' ' || CAST(dst_port AS VARCHAR)
    || ' #' || CAST(ROW_NUMBER() OVER (
      PARTITION BY node, interface, protocol, src_ip, src_port, dst_ip, dst_port, r.root IS NULL
      ORDER BY start_us NULLS LAST, l.flow_id
    ) AS VARCHAR)
  ) AS group_key
FROM legs AS l
LEFT JOIN roots AS r ON r.flow_id = l.flow_id
