-- about: One row a connection: its anchor, the leg after translation where one was seen, and what the anchor's rules say.
-- about: A forward or delivery leg without a SYN is left out where the node it came from was captured too: its
-- about: connection is counted there.
-- about: Where connection tracking names another translation than legs joined exactly, neither counts (`is_contested`).
-- about: That it stayed on its node can only be told by that node's own view of it.
-- about: A dead attempt (no SYN-ACK, no data, reset) is not where a connection went that repeated its SYN and was answered.
-- grain: connection
-- key: connection_id
-- store: no
WITH after_legs AS (
  SELECT
    stitch_key, node, src_ip, src_port, dst_ip, dst_port, join_grade,
    COALESCE(synack_count = 0 AND COALESCE(payload_bytes, 0) = 0 AND rst_count > 0, FALSE) AS is_dead
  FROM stitches
  WHERE is_after AND after_rank = 1
),
anchors AS (
  SELECT * FROM stitches WHERE anchor_rank = 1
),
afters AS (
  SELECT
    a.flow, w.pod_ip, w.pod_port, w.snat_ip, w.snat_port, f.dst_ip, f.dst_port, f.src_ip, f.src_port, f.join_grade,
    COALESCE(w.is_timed AND COALESCE(f.join_grade, 'time') = 'time', FALSE) AS is_witnessed,
    f.node = a.rules_node AS is_midway,
    w.pod_ip = f.dst_ip AND w.pod_port = f.dst_port AND w.snat_ip = f.src_ip AND w.snat_port = f.src_port AS agrees,
    COALESCE(w.is_timed, FALSE) AS is_timed
  FROM anchors AS a
  LEFT JOIN after_legs AS f
    ON f.stitch_key = a.stitch_key AND NOT COALESCE(f.is_dead AND a.syn_count > 1 AND a.synack_count > 0, FALSE)
  LEFT JOIN translations AS w ON w.flow = a.flow
  WHERE a.leg = 'ingress' AND COALESCE(f.dst_ip, w.pod_ip) IS NOT NULL
)
SELECT
  a.flow,
  a.capture_id || '-' || CAST(a.first_line AS VARCHAR) AS connection_id,
  a.stitch_key, a.protocol, a.src_ip, a.src_port, a.dst_ip, a.dst_port, a.leg, a.rules_node, a.src_node, a.has_rules,
  a.is_after, a.has_marks, a.at_us, a.start_us, a.end_us, a.flow_count, a.request_count, a.reply_packet_count,
  a.packet_count + a.reply_packet_count AS packet_count,
  a.byte_count + COALESCE(a.reply_byte_count, 0) AS byte_count,
  a.reply_packet_count > 0 OR (a.protocol = 'tcp' AND COALESCE(a.payload_bytes, 0) > 0) AS is_answered,
  a.reply_packet_count > 0 OR COALESCE(a.payload_bytes, 0) > 0 OR a.syn_count IS NULL AS may_be_answered,
  a.synack_count > 0 OR COALESCE(a.payload_bytes, 0) > 0 OR (a.syn_count IS NULL AND a.reply_packet_count > 0) AS is_served,
  a.object_service, a.object_service_port,
  CASE WHEN f.is_witnessed THEN f.pod_ip ELSE f.dst_ip END AS after_dst_ip,
  CASE WHEN f.is_witnessed THEN f.pod_port ELSE f.dst_port END AS after_dst_port,
  CASE WHEN f.is_witnessed THEN f.snat_ip ELSE f.src_ip END AS after_src_ip,
  CASE WHEN f.is_witnessed THEN f.snat_port ELSE f.src_port END AS after_src_port,
  CASE WHEN f.is_witnessed OR f.agrees THEN 'conntrack' ELSE f.join_grade END AS join_grade,
  COALESCE(f.is_midway AND NOT f.is_witnessed AND NOT COALESCE(f.agrees, FALSE), FALSE) AS is_midway,
  COALESCE(f.is_timed AND NOT f.agrees AND f.join_grade = 'stitched', FALSE) AS is_contested,
  f.dst_ip || ':' || CAST(f.dst_port AS VARCHAR) || ' (packets), ' || f.pod_ip || ':' || CAST(f.pod_port AS VARCHAR)
    || ' (conntrack)' AS contestants,
  CASE WHEN f.is_timed AND NOT f.agrees THEN
    'conntrack says ' || f.snat_ip || ':' || CAST(f.snat_port AS VARCHAR) || ' -> ' || f.pod_ip || ':'
    || CAST(f.pod_port AS VARCHAR) || ', the packets ' || f.src_ip || ':' || CAST(f.src_port AS VARCHAR) || ' -> '
    || f.dst_ip || ':' || CAST(f.dst_port AS VARCHAR)
  END AS disagreement,
  c.trace_id, c.service AS rules_service, c.service_port AS rules_service_port, c.verdict, c.certain,
  c.source_nat AS rules_source_nat, 
  LEAST(CASE WHEN c.certain THEN COALESCE(c.affinity_s, 0) ELSE c.affinity_s END, v.least_s) AS affinity_least_s,
  NULLIF(GREATEST(c.affinity_s, v.most_s), 0) AS affinity_s, c.endpoint_count, c.endpoint_ip, c.endpoint_port,
  c.hop AS rules_hop, c.candidates,
  x.stitch_key IS NOT NULL AS has_orphan,
  b.local_count, b.local_ip, b.local_port, b.all_captured AND a.node = a.rules_node AS all_captured,
  b.all_seen AND a.node = a.rules_node AS all_seen, b.all_shown,
  COALESCE(b.local_count < c.endpoint_count AND y.lost_count > 0.1, FALSE) AS may_be_lost
FROM anchors AS a
LEFT JOIN afters AS f ON f.flow = a.flow
LEFT JOIN choices AS c
  ON c.node = a.rules_node AND c.protocol = a.protocol AND c.dst_ip = a.dst_ip AND c.dst_port = a.dst_port
  AND c.source_class = a.source_class AND a.leg = 'ingress'
LEFT JOIN absences AS b
  ON b.node = c.node AND b.protocol = c.protocol AND b.dst_ip = c.dst_ip AND b.dst_port = c.dst_port
  AND b.source_class = c.source_class
LEFT JOIN stickiness AS v ON v.service = a.object_service AND a.leg = 'ingress'
LEFT JOIN orphans AS x ON x.stitch_key = a.stitch_key
LEFT JOIN losses AS y ON y.protocol = a.protocol
LEFT JOIN captured_nodes AS n ON n.node = a.src_node
WHERE NOT a.is_after OR n.node IS NULL OR a.syn_count > 0
