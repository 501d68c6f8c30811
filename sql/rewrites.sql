-- about: What addresses a connection has after translation, where its ingress leg was seen and they are known: from the leg
-- about: that was seen, or from connection tracking.
-- about: Where connection tracking names another translation than legs joined exactly, neither counts (`is_contested`).
-- about: A dead attempt (no SYN-ACK, no data, reset) is not where a connection went that repeated its SYN and was answered.
-- grain: connection with an ingress leg and a known translation
-- key: flow
-- store: no
WITH after_legs AS (
  SELECT
    stitch_key, node, src_ip, src_port, dst_ip, dst_port, join_grade,
    COALESCE(synack_count = 0 AND COALESCE(payload_bytes, 0) = 0 AND rst_count > 0, FALSE) AS is_dead
  FROM stitches
  WHERE is_after AND after_rank = 1
),
told AS (
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
  flow,
  CASE WHEN is_witnessed THEN pod_ip ELSE dst_ip END AS dst_ip,
  CASE WHEN is_witnessed THEN pod_port ELSE dst_port END AS dst_port,
  CASE WHEN is_witnessed THEN snat_ip ELSE src_ip END AS src_ip,
  CASE WHEN is_witnessed THEN snat_port ELSE src_port END AS src_port,
  CASE WHEN is_witnessed OR agrees THEN 'conntrack' ELSE join_grade END AS join_grade,
  COALESCE(is_midway AND NOT is_witnessed AND NOT COALESCE(agrees, FALSE), FALSE) AS is_midway,
  COALESCE(is_timed AND NOT agrees AND join_grade = 'stitched', FALSE) AS is_contested,
  CASE WHEN is_timed THEN
    dst_ip || ':' || CAST(dst_port AS VARCHAR) || ' (packets), ' || pod_ip || ':' || CAST(pod_port AS VARCHAR) || ' (conntrack)'
  END AS contestants,
  CASE WHEN is_timed AND NOT agrees THEN
    'conntrack says ' || snat_ip || ':' || CAST(snat_port AS VARCHAR) || ' -> ' || pod_ip || ':'
    || CAST(pod_port AS VARCHAR) || ', the packets ' || src_ip || ':' || CAST(src_port AS VARCHAR) || ' -> '
    || dst_ip || ':' || CAST(dst_port AS VARCHAR)
  END AS disagreement
FROM told
