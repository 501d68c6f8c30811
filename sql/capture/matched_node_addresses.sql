-- about: One row per address or range of a node, whatever files show it, with the node under the name that captures
-- about: use, as in `matched_pods`.
-- grain: address or range of a node
-- key: node, cidr, kind
-- store: no
SELECT DISTINCT
  a.cidr, a.kind,
  CASE WHEN m.object_node IS NULL THEN a.node ELSE m.node END AS node
FROM node_addresses AS a
LEFT JOIN node_name_matches AS m ON m.object_node = a.node
