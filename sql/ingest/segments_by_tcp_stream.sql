-- about: Packets between two addresses, each with the segment of its 5-tuple, where tshark's stream numbers tell segments
-- about: apart. What is not TCP has but one.
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
