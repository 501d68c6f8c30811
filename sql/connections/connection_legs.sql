-- about: One row per leg with its connection: the leg itself, its client and socket with their context, and what else the
-- about: connection has. A view, because several models read it and each needs few columns.
-- grain: directed flow
-- key: flow_number
-- store: view
SELECT
  l.*,
  c.node, c.protocol, c.src_ip, c.dst_ip, c.dst_port, c.src_node, c.source_class, c.rules_node,
  m.connection_key, m.is_post_nat, m.has_fingerprint, m.has_ingress, m.has_post_nat
FROM legs AS l
INNER JOIN connection_members AS m ON m.flow_number = l.flow_number
INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
