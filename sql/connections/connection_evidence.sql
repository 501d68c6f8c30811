-- about: One row per connection with all that its outcome is decided from: its anchor leg, its addresses after NAT if they are
-- about: known (`nat_results`), the decision of its ingress node's rules for its class of packets (`decision_summary`), and what
-- about: a missing forward leg proves there (`evidence_of_absence`).
-- about: A connection whose anchor is a leg after NAT without a SYN is left out if its source node was captured: that node's
-- about: capture has the ingress leg, and the connection is counted there.
-- about: `all_captured` and `all_seen` need the ingress node's own view: a leg seen on another node proves nothing about it.
-- grain: connection
-- key: connection_id
-- store: view
WITH decided_classes AS (
  SELECT d.*, b.local_count, b.local_ip, b.local_port, b.all_captured, b.all_seen, b.all_shown
  FROM decision_summary AS d
  LEFT JOIN evidence_of_absence AS b
    ON b.node = d.node AND b.protocol = d.protocol AND b.dst_ip = d.dst_ip AND b.dst_port = d.dst_port
    AND b.source_class = d.source_class
)
SELECT
  a.flow_number,
  m.capture_id || '-' || CAST(a.flow_number % 1099511627776 AS VARCHAR) AS connection_id,
  a.connection_key, c.protocol, c.src_ip, a.src_port, c.dst_ip, c.dst_port, a.leg, c.rules_node, c.src_node, c.has_rules,
  a.is_post_nat, a.has_fingerprint, a.corrected_start_us, a.start_us, a.end_us, a.flow_count, a.request_count,
  a.reply_packet_count,
  a.packet_count + a.reply_packet_count AS packet_count,
  a.byte_count + COALESCE(a.reply_byte_count, 0) AS byte_count,
  a.reply_packet_count > 0 OR (c.protocol = 'tcp' AND COALESCE(a.payload_bytes, 0) > 0) AS is_answered,
  a.reply_packet_count > 0 OR COALESCE(a.payload_bytes, 0) > 0 OR a.syn_count IS NULL AS may_be_answered,
  a.synack_count > 0 OR COALESCE(a.payload_bytes, 0) > 0 OR (a.syn_count IS NULL AND a.reply_packet_count > 0) AS is_served,
  c.object_service, c.object_service_port,
  t.dst_ip AS post_nat_dst_ip, t.dst_port AS post_nat_dst_port, t.src_ip AS post_nat_src_ip, t.src_port AS post_nat_src_port,
  t.join_evidence, COALESCE(t.is_before_source_nat, FALSE) AS is_before_source_nat,
  COALESCE(t.has_conflict, FALSE) AS has_conflict, t.conflicting_endpoints, t.conflict,
  COALESCE(LIST_CONTAINS(STRING_SPLIT(d.uncertain_codes, ', '), 'destination-unknown'), FALSE) AS may_be_to_other_node,
  d.trace_id, d.service AS rules_service, d.service_port AS rules_service_port, d.verdict, d.certain,
  d.source_nat AS rules_source_nat,
  LEAST(CASE WHEN d.certain THEN COALESCE(d.affinity_s, 0) ELSE d.affinity_s END, v.min_affinity_s) AS affinity_least_s,
  NULLIF(GREATEST(d.affinity_s, v.max_affinity_s), 0) AS affinity_s, d.endpoint_count, d.endpoint_ip, d.endpoint_port,
  d.hop AS rules_hop, d.candidates,
  u.connection_key IS NOT NULL AS has_unmatched_leg,
  d.local_count, d.local_ip, d.local_port, d.all_captured AND a.is_on_ingress_node AS all_captured,
  d.all_seen AND a.is_on_ingress_node AS all_seen, d.all_shown,
  COALESCE(d.local_count < d.endpoint_count AND e.unseen_count > 0.1, FALSE) AS may_be_lost
FROM connection_anchors AS a
INNER JOIN client_socket_context AS c ON c.client_socket_number = a.client_socket_number
INNER JOIN capture_numbers AS m ON m.capture_number = a.flow_number // 1099511627776
LEFT JOIN decided_classes AS d
  ON d.node = c.rules_node AND d.protocol = c.protocol AND d.dst_ip = c.dst_ip AND d.dst_port = c.dst_port
  AND d.source_class = c.source_class AND a.leg = 'ingress'
LEFT JOIN service_affinity AS v ON v.service = c.object_service AND a.leg = 'ingress'
LEFT JOIN nat_results AS t ON t.flow_number = a.flow_number
LEFT JOIN unmatched_legs AS u ON u.connection_key = a.connection_key
LEFT JOIN unseen_connection_estimate AS e ON e.protocol = c.protocol
LEFT JOIN captured_nodes AS n ON n.node = c.src_node
WHERE NOT a.is_post_nat OR n.node IS NULL OR a.syn_count > 0
