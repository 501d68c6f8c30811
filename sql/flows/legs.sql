-- about: One row per flow, with its role in a connection (`leg`).
-- about: `ingress`: to a service address, before NAT; captured on the node whose rules translate it, or on a node on the
-- about: way there. `forward`: to an endpoint; captured on another node than the endpoint's. `delivery`: to an endpoint;
-- about: captured on the endpoint's own node. `unknown`: none of these for sure.
-- about: `corrected_start_us` is its start by the reference clock. This table does not repeat node and addresses; join
-- about: client_socket_context.
-- grain: conversation at one vantage
-- key: flow_number
-- store: no
SELECT
  d.flow_number, r.client_socket_number, d.interface, d.src_port, d.start_us, d.end_us, d.packet_count, d.byte_count,
  d.reply_packet_count, d.reply_byte_count, d.syn_count, d.synack_count, d.fin_count, d.rst_count, d.request_count,
  d.payload_bytes, d.tcp_isn, d.tcp_tsval, d.first_ip_id,
  d.start_us - COALESCE(c.clock_offset_us, 0) AS corrected_start_us,
  c.clock_offset_us IS NOT NULL AS is_clock_corrected,
  r.src_address_number, r.dst_address_number, r.is_to_endpoint,
  COALESCE(r.rules_node = r.node, FALSE) AS is_on_ingress_node,
  p.node AS dst_node,
  CASE
    -- some node's rules translate it, so it is before NAT
    WHEN r.rules_node IS NOT NULL THEN 'ingress'
    WHEN r.is_to_endpoint AND p.node = r.node THEN 'delivery'
    WHEN r.is_to_endpoint AND p.node <> r.node THEN 'forward'
    -- no Service's address, or an endpoint whose node is not known
    ELSE 'unknown'
  END AS leg
FROM directed_flows AS d
INNER JOIN client_socket_context AS r
  ON r.node = d.node AND r.src_ip = d.src_ip AND r.protocol = d.protocol AND r.dst_ip = d.dst_ip
  AND r.dst_port = d.dst_port
LEFT JOIN clock_corrections AS c ON c.node = d.node
-- a flow without a time takes the row from -1 to 0 of address_owners
LEFT JOIN address_owners AS p
  ON p.ip = r.dst_ip AND COALESCE(d.start_us - COALESCE(c.clock_offset_us, 0), -1) >= p.valid_from_us
  AND COALESCE(d.start_us - COALESCE(c.clock_offset_us, 0), -1) < p.valid_to_us
