-- about: One row per connection: its anchor, the leg that shows most of where it came from (the first by `leg_rank`, then by
-- about: time). The anchor represents the connection in every count; its flow number becomes the connection's name.
-- grain: connection
-- key: flow_number
-- store: no
WITH ordered AS (
  SELECT
    flow_number, connection_key, is_post_nat, has_fingerprint, flow_count,
    ROW_NUMBER() OVER (PARTITION BY connection_key ORDER BY leg_rank, corrected_start_us NULLS LAST, flow_number) AS position
  FROM connection_members
)
SELECT
  l.flow_number, l.client_socket_number, l.src_port, l.start_us, l.end_us, l.corrected_start_us, l.leg, l.is_on_ingress_node, l.packet_count, l.byte_count,
  l.reply_packet_count, l.reply_byte_count, l.syn_count, l.synack_count, l.request_count, l.payload_bytes,
  o.connection_key, o.is_post_nat, o.has_fingerprint, o.flow_count
FROM ordered AS o
INNER JOIN legs AS l ON l.flow_number = o.flow_number
WHERE o.position = 1
