-- about: What connection tracking says an ingress leg's node made of it: the one entry of its sockets that was new in the
-- about: leg's time. An entry without a time (a listing) may be of an earlier or later use of the same port: it can
-- about: confirm what was seen, but tells nothing by itself.
-- grain: ingress leg
-- key: flow_number
-- store: no
WITH entries AS (
  SELECT DISTINCT
    node, protocol, src_ip, src_port, dst_ip, dst_port, reply_src_ip, reply_src_port, reply_dst_ip, reply_dst_port, ts_us
  FROM conntrack
  WHERE COALESCE(event, 'NEW') = 'NEW' AND (reply_src_ip <> dst_ip OR reply_src_port <> dst_port)
),
pairs AS (
  SELECT
    s.flow_number, e.reply_src_ip, e.reply_src_port, e.reply_dst_ip, e.reply_dst_port,
    e.ts_us IS NOT NULL AND s.start_us IS NOT NULL AS is_timed
  FROM connection_anchors AS s
  INNER JOIN client_socket_context AS c ON c.client_socket_number = s.client_socket_number
  INNER JOIN entries AS e
    ON e.node = c.node AND e.protocol = c.protocol AND e.src_ip = c.src_ip AND e.src_port = s.src_port
    AND e.dst_ip = c.dst_ip AND e.dst_port = c.dst_port
  WHERE s.leg = 'ingress' AND s.is_on_ingress_node
    AND COALESCE(e.ts_us BETWEEN s.start_us - 100000 AND s.end_us + 100000, TRUE)
)
SELECT
  flow_number,
  MIN(reply_src_ip) AS pod_ip,
  MIN(reply_src_port) AS pod_port,
  MIN(reply_dst_ip) AS snat_ip,
  MIN(reply_dst_port) AS snat_port,
  BOOL_OR(is_timed) AS is_timed
FROM pairs
GROUP BY flow_number
HAVING COUNT(DISTINCT reply_src_ip || ' ' || CAST(reply_src_port AS VARCHAR) || ' ' || reply_dst_ip || ' '
  || CAST(reply_dst_port AS VARCHAR)) = 1
