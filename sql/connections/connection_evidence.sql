-- about: One row per connection with everything its outcome is decided from: the anchor leg; the addresses after NAT, if known
-- about: (`nat_results`); the decision of the ingress node's rules (`decision_summary`); and what a missing forward leg would
-- about: prove on that node (`evidence_of_absence`).
-- about: If only a leg after NAT was seen, and its client-side SYN was not, and the node that owns its source address was
-- about: captured, the connection is left out: that node's capture has the ingress leg and counts it. A leg with the SYN is kept:
-- about: its fingerprint would have joined it to that ingress leg, so no capture has the ingress leg.
-- about: `all_captured` and `all_routes_observed` are true only if the ingress node itself captured the anchor: a leg that
-- about: another node captured does not show that the ingress node's capture would have this connection's forward leg.
-- about: `all_ports_observed` is used only together with `all_routes_observed`, so it has no such condition.
-- grain: connection
-- key: connection_id
-- store: view
WITH class_decisions AS (
  SELECT
    d.*, b.local_endpoint_count, b.only_local_ip, b.only_local_port, b.all_captured, b.all_routes_observed, b.all_ports_observed
  FROM decision_summary AS d
  LEFT JOIN evidence_of_absence AS b
    ON b.node = d.node AND b.protocol = d.protocol AND b.dst_ip = d.dst_ip AND b.dst_port = d.dst_port
    AND b.source_class = d.source_class
)
SELECT
  a.flow_number,
  -- flow_number modulo 2^40 is the first line (capture_numbers)
  m.capture_id || '-' || CAST(a.flow_number % 1099511627776 AS VARCHAR) AS connection_id,
  a.connection_key, c.protocol, c.src_ip, a.src_port, c.dst_ip, c.dst_port, a.leg, c.rules_node, c.src_node, c.has_rules,
  a.is_post_nat, a.has_fingerprint, a.corrected_start_us, a.start_us, a.end_us, a.flow_count, a.request_count,
  a.reply_packet_count,
  a.packet_count + a.reply_packet_count AS packet_count,
  a.byte_count + COALESCE(a.reply_byte_count, 0) AS byte_count,
  -- A reply was captured, or TCP data: a client sends data only after a SYN-ACK.
  a.reply_packet_count > 0 OR (c.protocol = 'tcp' AND COALESCE(a.payload_bytes, 0) > 0) AS has_reply,
  -- As above, or there are no TCP flags (UDP, some exports): a client may then need no reply.
  a.reply_packet_count > 0 OR COALESCE(a.payload_bytes, 0) > 0 OR a.syn_count IS NULL AS may_have_reply,
  -- A server accepted it: SYN-ACK or data. With TCP flags a reply is not enough: it may be the RST of a reject.
  a.synack_count > 0 OR COALESCE(a.payload_bytes, 0) > 0 OR (a.syn_count IS NULL AND a.reply_packet_count > 0) AS is_accepted,
  c.object_service, c.object_service_port,
  t.dst_ip AS post_nat_dst_ip, t.dst_port AS post_nat_dst_port, t.src_ip AS post_nat_src_ip, t.src_port AS post_nat_src_port,
  t.join_evidence, COALESCE(t.is_before_source_nat, FALSE) AS is_before_source_nat,
  COALESCE(t.has_conflict, FALSE) AS has_conflict, t.conflicting_endpoints, t.conntrack_difference,
  COALESCE(LIST_CONTAINS(STRING_SPLIT(d.uncertain_codes, ', '), 'destination-unknown'), FALSE) AS destination_may_be_other_nodes,
  d.trace_id, d.service AS rules_service, d.service_port AS rules_service_port, d.verdict, d.certain,
  d.source_nat AS rules_source_nat,
  -- The shortest and the longest affinity timeout that rules and objects give. Certain rules without affinity count as 0 s:
  -- if objects have affinity then, the shortest is 0 and the longest is not. The longest is NULL if neither has affinity.
  LEAST(CASE WHEN d.certain THEN COALESCE(d.affinity_s, 0) ELSE d.affinity_s END, v.min_affinity_s) AS min_affinity_s,
  NULLIF(GREATEST(d.affinity_s, v.max_affinity_s), 0) AS max_affinity_s,
  d.endpoint_count, d.only_endpoint_ip, d.only_endpoint_port, d.hop AS rules_hop, d.candidates,
  u.connection_key IS NOT NULL AS has_unmatched_leg,
  d.local_endpoint_count, d.only_local_ip, d.only_local_port,
  d.all_captured AND a.is_on_ingress_node AS all_captured,
  d.all_routes_observed AND a.is_on_ingress_node AS all_routes_observed, d.all_ports_observed,
  -- Endpoints on other nodes, and captures that missed more than 0.1 expected connections.
  COALESCE(d.local_endpoint_count < d.endpoint_count AND e.unseen_count > 0.1, FALSE) AS forward_leg_may_be_lost
FROM connection_anchors AS a
INNER JOIN client_socket_context AS c ON c.client_socket_number = a.client_socket_number
-- flow_number divided by 2^40 is the capture's number
INNER JOIN capture_numbers AS m ON m.capture_number = a.flow_number // 1099511627776
LEFT JOIN class_decisions AS d
  ON d.node = c.rules_node AND d.protocol = c.protocol AND d.dst_ip = c.dst_ip AND d.dst_port = c.dst_port
  AND d.source_class = c.source_class AND a.leg = 'ingress'
LEFT JOIN service_affinity AS v ON v.service = c.object_service AND a.leg = 'ingress'
LEFT JOIN nat_results AS t ON t.flow_number = a.flow_number
LEFT JOIN unmatched_legs AS u ON u.connection_key = a.connection_key
LEFT JOIN unseen_connection_estimate AS e ON e.protocol = c.protocol
LEFT JOIN captured_nodes AS n ON n.node = c.src_node
WHERE NOT a.is_post_nat OR n.node IS NULL OR a.syn_count > 0
