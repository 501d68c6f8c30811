-- about: One row per unidirectional flow (a uniflow, RFC 5103: one direction of a five-tuple) in one batch of packets;
-- about: `conversation_sums` adds up the rows of all batches. UDP flows are cut at a grid of 30 seconds, so that `start_us` and
-- about: `end_us` of the parts show silence. The cuts end no conversation: the silence that does (120 s, the idle timeout of
-- about: Linux for a UDP stream) is in conversation_sums.sql. `interface_and_protocol` is the number of the interface * 2^32 +
-- about: the number of the protocol; `src` and `dst` are numbers of sockets (`TextNumbers` in
-- about: pipeline/ingest/flow_builder.py). The value of a first or last packet is kept as line_number * 2^32 + value, so that
-- about: MIN and MAX over several rows choose the packet.
-- grain: 5-tuple and segment, one direction
-- key: interface_and_protocol, src, dst, segment, udp_slot
-- stage: ingest
-- store: no
WITH flagged AS (
  SELECT
    s.*,
    line_number * 4294967296 AS line_base,
    CASE WHEN protocol = 'udp' THEN ts_us // 30000000 END AS udp_slot,
    COALESCE(tcp_flags & 18 = 18, FALSE) AS is_synack,
    COALESCE(tcp_payload_bytes > 0, FALSE) AS has_data
  FROM segments AS s
)
SELECT
  interface_and_protocol, src, dst, segment, udp_slot,
  MIN(line_number) AS first_line,
  MIN(ts_us) AS start_us,
  MAX(ts_us) AS end_us,
  COUNT(*) AS packet_count,
  CAST(SUM(frame_bytes) AS BIGINT) AS byte_count,
  COUNT(tcp_flags) AS flagged_count,
  COUNT(CASE WHEN is_syn THEN 1 END) AS syn_count,
  COUNT(CASE WHEN is_synack THEN 1 END) AS synack_count,
  COUNT(CASE WHEN tcp_flags & 1 = 1 THEN 1 END) AS fin_count,
  COUNT(CASE WHEN tcp_flags & 4 = 4 THEN 1 END) AS rst_count,
  CAST(SUM(tcp_payload_bytes) AS BIGINT) AS payload_bytes,
  CAST(SUM(request_count) AS BIGINT) AS request_count,
  MIN(CASE WHEN is_syn THEN line_base + tcp_seq END) AS syn_seq,
  MIN(CASE WHEN is_syn THEN line_base + tcp_tsval END) AS syn_tsval,
  STRING_AGG(CASE WHEN is_syn THEN CAST(COALESCE(tcp_tsval, -1) AS VARCHAR) END, ' ') AS syn_tsvals,
  MIN(CASE WHEN is_synack THEN ts_us END) AS synack_us,
  MIN(CASE WHEN is_synack THEN line_base + tcp_seq END) AS synack_seq,
  MIN(CASE WHEN is_synack THEN line_base + tcp_ack END) AS synack_ack,
  MIN(CASE WHEN has_data THEN line_base + tcp_seq END) AS first_seq,
  MIN(CASE WHEN has_data THEN line_base + tcp_ack END) AS first_ack,
  MAX(CASE WHEN has_data THEN line_base + tcp_seq END) AS last_seq,
  MAX(CASE WHEN has_data THEN line_base + tcp_ack END) AS last_ack,
  MIN(line_base + ip_id) AS first_ip_id,
  MAX(CASE WHEN outer_src_ip IS NULL THEN ip_ttl END) AS top_ttl
FROM flagged
GROUP BY interface_and_protocol, src, dst, segment, udp_slot
