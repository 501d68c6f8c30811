-- about: The packets of one connection, on every node that captured it, as far as the run kept packets.
-- parameters: connection
SELECT f.leg, p.*
FROM flows AS f
INNER JOIN packets AS p
  ON p.run = f.run AND p.node = f.node AND p.protocol = f.protocol
  AND p.interface IS NOT DISTINCT FROM f.interface
  AND (
    (p.src_ip = f.src_ip AND p.src_port = f.src_port AND p.dst_ip = f.dst_ip AND p.dst_port = f.dst_port)
    OR (p.src_ip = f.dst_ip AND p.src_port = f.dst_port AND p.dst_ip = f.src_ip AND p.dst_port = f.src_port)
  )
  AND COALESCE(p.ts_us BETWEEN f.start_us AND f.end_us, TRUE)
WHERE f.connection_id = connection
ORDER BY p.ts_us NULLS LAST, p.node, p.capture_id, p.line_number
