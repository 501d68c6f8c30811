-- about: One row per connection whose ingress leg was seen and whose addresses after NAT are known, with these addresses: from
-- about: the leg after NAT that was seen, or from the conntrack dump of the ingress node.
-- about: Conntrack entries: the one entry of the leg's five-tuple that was new while the leg was seen, give or take 0.1 s. An
-- about: entry without a time (a listing) may be of an earlier or later use of the port: it can confirm a leg, and decides
-- about: nothing alone. Several entries that differ decide nothing.
-- about: `has_conflict`: conntrack and a leg joined by fingerprint contradict each other, or the source was rewritten to the
-- about: address of another node than the one that was seen to translate (an export or a dump then has the wrong node's name).
-- about: Neither counts then. A leg joined by time gives way to conntrack.
-- about: A dead attempt (reset, without SYN-ACK and data) is no result if the client repeated its SYN and was answered.
-- grain: connection with an ingress leg and known addresses after NAT
-- key: flow_number
-- store: no
WITH ordered_post_nat_legs AS (
  SELECT
    flow_number, connection_key, has_fingerprint,
    ROW_NUMBER() OVER (PARTITION BY connection_key ORDER BY post_nat_rank, leg_rank, corrected_start_us NULLS LAST, flow_number) AS position
  FROM connection_members
  WHERE is_post_nat AND has_ingress
),
post_nat_legs AS (
  SELECT
    o.connection_key, c.node, c.src_ip, c.src_node, l.src_port, c.dst_ip, c.dst_port,
    CASE WHEN o.has_fingerprint THEN 'stitched' ELSE 'time' END AS join_evidence,
    COALESCE(l.synack_count = 0 AND COALESCE(l.payload_bytes, 0) = 0 AND l.rst_count > 0, FALSE) AS is_dead
  FROM ordered_post_nat_legs AS o
  INNER JOIN legs AS l ON l.flow_number = o.flow_number
  INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
  WHERE o.position = 1
),
conntrack_entries AS (
  SELECT DISTINCT
    node, protocol, src_ip, src_port, dst_ip, dst_port, reply_src_ip, reply_src_port, reply_dst_ip, reply_dst_port, ts_us
  FROM conntrack
  WHERE COALESCE(event, 'NEW') = 'NEW' AND (reply_src_ip <> dst_ip OR reply_src_port <> dst_port)
),
entries_of_legs AS (
  SELECT
    a.flow_number, e.reply_src_ip, e.reply_src_port, e.reply_dst_ip, e.reply_dst_port,
    e.ts_us IS NOT NULL AND a.start_us IS NOT NULL AS is_timed
  FROM connection_anchors AS a
  INNER JOIN client_socket_context AS c ON c.client_socket_number = a.client_socket_number
  INNER JOIN conntrack_entries AS e
    ON e.node = c.node AND e.protocol = c.protocol AND e.src_ip = c.src_ip AND e.src_port = a.src_port
    AND e.dst_ip = c.dst_ip AND e.dst_port = c.dst_port
  WHERE a.leg = 'ingress' AND a.is_on_ingress_node
    AND COALESCE(e.ts_us BETWEEN a.start_us - 100000 AND a.end_us + 100000, TRUE)
),
conntrack_results AS (
  SELECT
    flow_number,
    MIN(reply_src_ip) AS pod_ip,
    MIN(reply_src_port) AS pod_port,
    MIN(reply_dst_ip) AS snat_ip,
    MIN(reply_dst_port) AS snat_port,
    BOOL_OR(is_timed) AS is_timed
  FROM entries_of_legs
  GROUP BY flow_number
  HAVING COUNT(DISTINCT reply_src_ip || ' ' || CAST(reply_src_port AS VARCHAR) || ' ' || reply_dst_ip || ' '
    || CAST(reply_dst_port AS VARCHAR)) = 1
),
compared AS (
  SELECT
    a.flow_number, t.pod_ip, t.pod_port, t.snat_ip, t.snat_port, p.dst_ip, p.dst_port, p.src_ip, p.src_port, p.join_evidence,
    COALESCE(t.is_timed AND COALESCE(p.join_evidence, 'time') = 'time', FALSE) AS takes_conntrack,
    p.node = c.rules_node AS is_before_source_nat,
    t.pod_ip = p.dst_ip AND t.pod_port = p.dst_port AND t.snat_ip = p.src_ip AND t.snat_port = p.src_port AS agrees,
    COALESCE(t.is_timed, FALSE) AS is_timed,
    COALESCE(p.src_ip <> c.src_ip AND p.src_node <> c.rules_node, FALSE) AS is_on_wrong_node
  FROM connection_anchors AS a
  INNER JOIN client_socket_context AS c ON c.client_socket_number = a.client_socket_number
  LEFT JOIN post_nat_legs AS p
    ON p.connection_key = a.connection_key AND NOT COALESCE(p.is_dead AND a.syn_count > 1 AND a.synack_count > 0, FALSE)
  LEFT JOIN conntrack_results AS t ON t.flow_number = a.flow_number
  WHERE a.leg = 'ingress' AND COALESCE(p.dst_ip, t.pod_ip) IS NOT NULL
)
SELECT
  flow_number,
  CASE WHEN takes_conntrack THEN pod_ip ELSE dst_ip END AS dst_ip,
  CASE WHEN takes_conntrack THEN pod_port ELSE dst_port END AS dst_port,
  CASE WHEN takes_conntrack THEN snat_ip ELSE src_ip END AS src_ip,
  CASE WHEN takes_conntrack THEN snat_port ELSE src_port END AS src_port,
  CASE WHEN takes_conntrack OR agrees THEN 'conntrack' ELSE join_evidence END AS join_evidence,
  COALESCE(is_before_source_nat AND NOT takes_conntrack AND NOT COALESCE(agrees, FALSE), FALSE) AS is_before_source_nat,
  is_on_wrong_node OR COALESCE(is_timed AND NOT agrees AND join_evidence = 'stitched', FALSE) AS has_conflict,
  CASE WHEN is_timed THEN
    dst_ip || ':' || CAST(dst_port AS VARCHAR) || ' (packets), ' || pod_ip || ':' || CAST(pod_port AS VARCHAR) || ' (conntrack)'
  END AS conflicting_endpoints,
  CASE WHEN is_timed AND NOT agrees THEN
    'conntrack shows ' || snat_ip || ':' || CAST(snat_port AS VARCHAR) || ' -> ' || pod_ip || ':'
    || CAST(pod_port AS VARCHAR) || ', the packets show ' || src_ip || ':' || CAST(src_port AS VARCHAR) || ' -> '
    || dst_ip || ':' || CAST(dst_port AS VARCHAR)
  END AS conntrack_difference
FROM compared
