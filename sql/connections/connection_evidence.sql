-- about: One row a connection: its anchor, the leg after translation where one was seen, and what the anchor's rules say.
-- about: A forward or delivery leg without a SYN is left out where the node it came from was captured too: its
-- about: connection is counted there.
-- about: That it stayed on its node can only be told by that node's own view of it.
-- grain: connection
-- key: connection_id
-- store: view
WITH ruled AS (
  SELECT c.*, b.local_count, b.local_ip, b.local_port, b.all_captured, b.all_seen, b.all_shown
  FROM decision_summary AS c
  LEFT JOIN evidence_of_absence AS b
    ON b.node = c.node AND b.protocol = c.protocol AND b.dst_ip = c.dst_ip AND b.dst_port = c.dst_port
    AND b.source_class = c.source_class
)
SELECT
  a.flow_number,
  m.capture_id || '-' || CAST(a.flow_number % 1099511627776 AS VARCHAR) AS connection_id,
  a.connection_key, r.protocol, r.src_ip, a.src_port, r.dst_ip, r.dst_port, a.leg, r.rules_node, r.src_node, r.has_rules,
  a.is_post_nat, a.has_fingerprint, a.corrected_start_us, a.start_us, a.end_us, a.flow_count, a.request_count, a.reply_packet_count,
  a.packet_count + a.reply_packet_count AS packet_count,
  a.byte_count + COALESCE(a.reply_byte_count, 0) AS byte_count,
  a.reply_packet_count > 0 OR (r.protocol = 'tcp' AND COALESCE(a.payload_bytes, 0) > 0) AS is_answered,
  a.reply_packet_count > 0 OR COALESCE(a.payload_bytes, 0) > 0 OR a.syn_count IS NULL AS may_be_answered,
  a.synack_count > 0 OR COALESCE(a.payload_bytes, 0) > 0 OR (a.syn_count IS NULL AND a.reply_packet_count > 0) AS is_served,
  r.object_service, r.object_service_port,
  f.dst_ip AS post_nat_dst_ip, f.dst_port AS post_nat_dst_port, f.src_ip AS post_nat_src_ip, f.src_port AS post_nat_src_port,
  f.join_evidence, COALESCE(f.is_before_source_nat, FALSE) AS is_before_source_nat, COALESCE(f.has_conflict, FALSE) AS has_conflict, f.conflicting_endpoints,
  f.conflict,
  COALESCE(LIST_CONTAINS(STRING_SPLIT(c.uncertain_codes, ', '), 'destination-unknown'), FALSE) AS may_be_on_other_node,
  c.trace_id, c.service AS rules_service, c.service_port AS rules_service_port, c.verdict, c.certain,
  c.source_nat AS rules_source_nat,
  LEAST(CASE WHEN c.certain THEN COALESCE(c.affinity_s, 0) ELSE c.affinity_s END, v.min_affinity_s) AS affinity_least_s,
  NULLIF(GREATEST(c.affinity_s, v.max_affinity_s), 0) AS affinity_s, c.endpoint_count, c.endpoint_ip, c.endpoint_port,
  c.hop AS rules_hop, c.candidates,
  x.connection_key IS NOT NULL AS has_unmatched_leg,
  c.local_count, c.local_ip, c.local_port, c.all_captured AND a.is_on_ingress_node AS all_captured,
  c.all_seen AND a.is_on_ingress_node AS all_seen, c.all_shown,
  COALESCE(c.local_count < c.endpoint_count AND y.unseen_count > 0.1, FALSE) AS may_be_lost
FROM connection_anchors AS a
INNER JOIN client_socket_context AS r ON r.client_socket_number = a.client_socket_number
INNER JOIN capture_numbers AS m ON m.capture_number = a.flow_number // 1099511627776
LEFT JOIN ruled AS c
  ON c.node = r.rules_node AND c.protocol = r.protocol AND c.dst_ip = r.dst_ip AND c.dst_port = r.dst_port
  AND c.source_class = r.source_class AND a.leg = 'ingress'
LEFT JOIN service_affinity AS v ON v.service = r.object_service AND a.leg = 'ingress'
LEFT JOIN nat_results AS f ON f.flow_number = a.flow_number
LEFT JOIN unmatched_legs AS x ON x.connection_key = a.connection_key
LEFT JOIN unseen_connection_estimate AS y ON y.protocol = r.protocol
LEFT JOIN captured_nodes AS n ON n.node = r.src_node
WHERE NOT a.is_post_nat OR n.node IS NULL OR a.syn_count > 0
