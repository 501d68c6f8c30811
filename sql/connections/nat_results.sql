-- about: What addresses a connection has after translation, where its ingress leg was seen and they are known: from the leg
-- about: that was seen, or from connection tracking.
-- about: Where connection tracking names another translation than legs joined exactly, neither counts (`is_contested`); nor
-- about: does a leg whose source was rewritten to the address of another node than the one that was seen to translate: an
-- about: export, or a dump, then has the wrong node's name.
-- about: A dead attempt (no SYN-ACK, no data, reset) is not where a connection went that repeated its SYN and was answered.
-- grain: connection with an ingress leg and a known translation
-- key: flow_number
-- store: no
WITH post_nat_members AS (
  SELECT
    flow_number, connection_key, has_fingerprint,
    ROW_NUMBER() OVER (PARTITION BY connection_key ORDER BY post_nat_rank, leg_rank, corrected_start_us NULLS LAST, flow_number) AS place
  FROM connection_members
  WHERE is_post_nat AND has_ingress
),
post_nat_legs AS (
  SELECT
    f.connection_key, c.node, c.src_ip, c.src_node, l.src_port, c.dst_ip, c.dst_port,
    CASE WHEN f.has_fingerprint THEN 'stitched' ELSE 'time' END AS join_evidence,
    COALESCE(l.synack_count = 0 AND COALESCE(l.payload_bytes, 0) = 0 AND l.rst_count > 0, FALSE) AS is_dead
  FROM post_nat_members AS f
  INNER JOIN legs AS l ON l.flow_number = f.flow_number
  INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
  WHERE f.place = 1
),
told AS (
  SELECT
    a.flow_number, w.pod_ip, w.pod_port, w.snat_ip, w.snat_port, f.dst_ip, f.dst_port, f.src_ip, f.src_port, f.join_evidence,
    COALESCE(w.is_timed AND COALESCE(f.join_evidence, 'time') = 'time', FALSE) AS is_witnessed,
    f.node = c.rules_node AS is_before_source_nat,
    w.pod_ip = f.dst_ip AND w.pod_port = f.dst_port AND w.snat_ip = f.src_ip AND w.snat_port = f.src_port AS agrees,
    COALESCE(w.is_timed, FALSE) AS is_timed,
    COALESCE(f.src_ip <> c.src_ip AND f.src_node <> c.rules_node, FALSE) AS is_misplaced
  FROM connection_anchors AS a
  INNER JOIN client_socket_context AS c ON c.client_socket_number = a.client_socket_number
  LEFT JOIN post_nat_legs AS f
    ON f.connection_key = a.connection_key AND NOT COALESCE(f.is_dead AND a.syn_count > 1 AND a.synack_count > 0, FALSE)
  LEFT JOIN conntrack_nat AS w ON w.flow_number = a.flow_number
  WHERE a.leg = 'ingress' AND COALESCE(f.dst_ip, w.pod_ip) IS NOT NULL
)
SELECT
  flow_number,
  CASE WHEN is_witnessed THEN pod_ip ELSE dst_ip END AS dst_ip,
  CASE WHEN is_witnessed THEN pod_port ELSE dst_port END AS dst_port,
  CASE WHEN is_witnessed THEN snat_ip ELSE src_ip END AS src_ip,
  CASE WHEN is_witnessed THEN snat_port ELSE src_port END AS src_port,
  CASE WHEN is_witnessed OR agrees THEN 'conntrack' ELSE join_evidence END AS join_evidence,
  COALESCE(is_before_source_nat AND NOT is_witnessed AND NOT COALESCE(agrees, FALSE), FALSE) AS is_before_source_nat,
  is_misplaced OR COALESCE(is_timed AND NOT agrees AND join_evidence = 'stitched', FALSE) AS has_conflict,
  CASE WHEN is_timed THEN
    dst_ip || ':' || CAST(dst_port AS VARCHAR) || ' (packets), ' || pod_ip || ':' || CAST(pod_port AS VARCHAR) || ' (conntrack)'
  END AS conflicting_endpoints,
  CASE WHEN is_timed AND NOT agrees THEN
    'conntrack says ' || snat_ip || ':' || CAST(snat_port AS VARCHAR) || ' -> ' || pod_ip || ':'
    || CAST(pod_port AS VARCHAR) || ', the packets ' || src_ip || ':' || CAST(src_port AS VARCHAR) || ' -> '
    || dst_ip || ':' || CAST(dst_port AS VARCHAR)
  END AS conflict
FROM told
