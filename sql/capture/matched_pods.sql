-- about: One row per address of a pod at one time, with its node under the name that captures use: objects and captures
-- about: may name one node differently (`node_name_matches`). The node is NULL where it may be a captured node of
-- about: another name.
-- grain: address of a pod at one time
-- key: pod, ip, valid_from_us
-- store: no
SELECT
  p.pod, p.ip, p.host_network, p.phase, p.valid_from_us, p.valid_to_us,
  CASE WHEN m.object_node IS NULL THEN p.node ELSE m.node END AS node
FROM pods AS p
LEFT JOIN node_name_matches AS m ON m.object_node = p.node
