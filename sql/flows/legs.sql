-- about: One row per flow, with its role in a connection: `ingress` (client to a service address, on the node whose rules translate it or
-- about: before), `delivery` (to an endpoint, on the endpoint's own node), `forward` (to an endpoint, on another node) or `unknown`.
-- about: `corrected_start_us` is its start by the reference clock. Node and addresses are in its row of `client_socket_context`.
-- grain: conversation at one vantage
-- key: flow_number
-- store: no
WITH timed AS (
  SELECT
    s.flow_number, r.client_socket_number, s.interface, s.src_port, s.start_us, s.end_us, s.packet_count, s.byte_count, s.reply_packet_count,
    s.reply_byte_count, s.syn_count, s.synack_count, s.fin_count, s.rst_count, s.request_count, s.payload_bytes, s.tcp_isn,
    s.tcp_tsval, s.first_ip_id,
    s.start_us - COALESCE(c.clock_offset_us, 0) AS corrected_start_us,
    c.clock_offset_us IS NOT NULL AS is_clock_corrected,
    r.node, r.dst_ip, r.src_address_number, r.dst_address_number, r.is_to_endpoint, r.rules_node
  FROM directed_flows AS s
  INNER JOIN client_socket_context AS r
    ON r.node = s.node AND r.src_ip = s.src_ip AND r.protocol = s.protocol AND r.dst_ip = s.dst_ip
    AND r.dst_port = s.dst_port
  LEFT JOIN clock_corrections AS c ON c.node = s.node
)
SELECT
  t.flow_number, t.client_socket_number, t.interface, t.src_port, t.start_us, t.end_us, t.packet_count, t.byte_count, t.reply_packet_count,
  t.reply_byte_count, t.syn_count, t.synack_count, t.fin_count, t.rst_count, t.request_count, t.payload_bytes, t.tcp_isn,
  t.tcp_tsval, t.first_ip_id, t.corrected_start_us, t.is_clock_corrected, t.src_address_number, t.dst_address_number, t.is_to_endpoint,
  COALESCE(t.rules_node = t.node, FALSE) AS is_on_ingress_node,
  p.node AS dst_node,
  CASE
    WHEN t.rules_node IS NOT NULL THEN 'ingress'
    WHEN t.is_to_endpoint AND p.node = t.node THEN 'delivery'
    WHEN t.is_to_endpoint AND p.node <> t.node THEN 'forward'
    ELSE 'unknown'
  END AS leg
FROM timed AS t
LEFT JOIN address_owners AS p
  ON p.ip = t.dst_ip AND COALESCE(t.corrected_start_us, -1) >= p.valid_from_us AND COALESCE(t.corrected_start_us, -1) < p.valid_to_us
