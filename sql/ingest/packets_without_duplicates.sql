-- about: Packets of an export without those of the conversations in `repeats`.
-- grain: captured packet
-- key: capture_id, line_number
-- stage: ingest
-- store: no
SELECT p.*
FROM packets AS p
WHERE NOT EXISTS (
  SELECT 1
  FROM duplicate_conversations AS r
  WHERE r.capture_id = p.capture_id AND r.protocol IS NOT DISTINCT FROM p.protocol
    AND r.interface IS NOT DISTINCT FROM p.interface
    AND r.lower_ip = LEAST(p.src_ip, p.dst_ip) AND r.upper_ip = GREATEST(p.src_ip, p.dst_ip)
    AND LEAST(COALESCE(r.lower_port, -1), COALESCE(r.upper_port, -1)) = LEAST(COALESCE(p.src_port, -1), COALESCE(p.dst_port, -1))
    AND GREATEST(COALESCE(r.lower_port, -1), COALESCE(r.upper_port, -1)) = GREATEST(COALESCE(p.src_port, -1), COALESCE(p.dst_port, -1))
    AND (
      (r.lower_ip = p.src_ip AND r.lower_port IS NOT DISTINCT FROM p.src_port)
      OR (r.lower_ip = p.dst_ip AND r.lower_port IS NOT DISTINCT FROM p.dst_port)
    )
    AND COALESCE(p.ts_us >= r.start_us AND p.ts_us <= r.end_us, TRUE)
)
