-- about: One row per packet between two addresses, with the segment of its five-tuple where every TCP packet has
-- about: tshark's stream number: this number. What is not TCP has one segment per five-tuple. Packets can be read batch
-- about: by batch.
-- grain: packet with ports
-- key: line_number
-- stage: ingest
-- store: no
SELECT
  p.*,
  COALESCE(tcp_stream, -1) AS segment,
  COALESCE(tcp_flags & 18 = 2, FALSE) AS is_syn
FROM packets AS p
WHERE src IS NOT NULL AND dst IS NOT NULL
