-- about: One row per conversation with ports, at one vantage, from client to server. The client is the end that sent a
-- about: SYN; else the end that received a SYN-ACK; else the end opposite a socket that rules or objects know as a
-- about: server; else the end with the higher port.
-- grain: conversation at one vantage
-- key: flow_number
-- store: view
WITH by_handshake AS (
  SELECT
    c.*,
    CASE
      WHEN lower_syns > 0 AND upper_syns = 0 THEN TRUE
      WHEN upper_syns > 0 AND lower_syns = 0 THEN FALSE
      WHEN upper_synacks > 0 AND lower_synacks = 0 THEN TRUE
      WHEN lower_synacks > 0 AND upper_synacks = 0 THEN FALSE
    END AS lower_opened
  FROM all_conversations AS c
  WHERE lower_port IS NOT NULL AND upper_port IS NOT NULL
),
open_questions AS (
  SELECT
    b.*,
    CASE WHEN lower_opened IS NULL THEN lower_port END AS lower_port_to_check,
    CASE WHEN lower_opened IS NULL THEN upper_port END AS upper_port_to_check
  FROM by_handshake AS b
),
decided AS (
  SELECT
    q.*,
    CASE
      WHEN lower_opened IS NOT NULL THEN lower_opened
      WHEN u.ip IS NOT NULL AND l.ip IS NULL THEN TRUE
      WHEN l.ip IS NOT NULL AND u.ip IS NULL THEN FALSE
      ELSE lower_port > upper_port
    END AS lower_is_client
  FROM open_questions AS q
  LEFT JOIN server_sockets AS l ON l.port = q.lower_port_to_check AND l.ip = q.lower_ip AND l.protocol = q.protocol
  LEFT JOIN server_sockets AS u ON u.port = q.upper_port_to_check AND u.ip = q.upper_ip AND u.protocol = q.protocol
)
SELECT
  flow_number, capture_id, first_line, node, interface, protocol,
  CASE WHEN lower_is_client THEN lower_ip ELSE upper_ip END AS src_ip,
  CASE WHEN lower_is_client THEN lower_port ELSE upper_port END AS src_port,
  CASE WHEN lower_is_client THEN upper_ip ELSE lower_ip END AS dst_ip,
  CASE WHEN lower_is_client THEN upper_port ELSE lower_port END AS dst_port,
  start_us, end_us,
  CASE WHEN lower_is_client THEN lower_packets ELSE upper_packets END AS packet_count,
  CASE WHEN lower_is_client THEN lower_bytes ELSE upper_bytes END AS byte_count,
  CASE WHEN lower_is_client THEN upper_packets ELSE lower_packets END AS reply_packet_count,
  CASE WHEN lower_is_client THEN upper_bytes ELSE lower_bytes END AS reply_byte_count,
  CASE WHEN flagged_packets > 0 THEN CASE WHEN lower_is_client THEN lower_syns ELSE upper_syns END END AS syn_count,
  CASE WHEN flagged_packets > 0 THEN fins END AS fin_count,
  CASE WHEN flagged_packets > 0 THEN rsts END AS rst_count,
  requests AS request_count,
  payload_bytes,
  CASE WHEN lower_is_client THEN upper_synacks ELSE lower_synacks END AS synack_count,
  isn AS tcp_isn,
  tsval AS tcp_tsval,
  synack_us, first_ip_id
FROM decided
