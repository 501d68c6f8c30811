-- about: One row per packet of an export that is in none of its `duplicate_conversations`: another export has those
-- about: packets with more columns.
-- grain: captured packet
-- key: capture_id, line_number
-- stage: ingest
-- store: no
SELECT p.*
FROM packets AS p
WHERE NOT EXISTS (
  SELECT 1
  FROM duplicate_conversations AS d
  WHERE d.capture_id = p.capture_id AND d.protocol IS NOT DISTINCT FROM p.protocol
    AND d.interface IS NOT DISTINCT FROM p.interface
    AND d.lower_ip = LEAST(p.src_ip, p.dst_ip) AND d.upper_ip = GREATEST(p.src_ip, p.dst_ip)
    AND LEAST(COALESCE(d.lower_port, -1), COALESCE(d.upper_port, -1)) = LEAST(COALESCE(p.src_port, -1), COALESCE(p.dst_port, -1))
    AND GREATEST(COALESCE(d.lower_port, -1), COALESCE(d.upper_port, -1)) = GREATEST(COALESCE(p.src_port, -1), COALESCE(p.dst_port, -1))
    AND (
      (d.lower_ip = p.src_ip AND d.lower_port IS NOT DISTINCT FROM p.src_port)
      OR (d.lower_ip = p.dst_ip AND d.lower_port IS NOT DISTINCT FROM p.dst_port)
    )
    AND COALESCE(p.ts_us >= d.start_us AND p.ts_us <= d.end_us, TRUE)
)
