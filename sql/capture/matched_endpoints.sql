-- about: One row per endpoint of a Service's port at one time, with its node under the name that captures use, as in
-- about: `matched_pods`.
-- grain: endpoint of a Service's port at one time
-- key: service, protocol, ip, port, pod, valid_from_us
-- store: no
SELECT
  e.service, e.protocol, e.ip, e.port, e.pod, e.ready, e.valid_from_us, e.valid_to_us,
  CASE WHEN m.object_node IS NULL THEN e.node ELSE m.node END AS node
FROM endpoints AS e
LEFT JOIN node_name_matches AS m ON m.object_node = e.node
