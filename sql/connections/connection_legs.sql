-- about: Legs with the connection they are put into, their ranks there, and who called whom.
-- grain: conversation at one vantage
-- key: flow_number
-- store: view
SELECT
  l.*,
  c.node, c.protocol, c.src_ip, c.dst_ip, c.dst_port, c.src_node, c.source_class, c.rules_node,
  r.connection_key, r.is_post_nat, r.has_fingerprint, r.has_ingress, r.has_post_nat
FROM legs AS l
INNER JOIN connection_members AS r ON r.flow_number = l.flow_number
INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
