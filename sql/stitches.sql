-- about: Legs with the connection they are put into, their ranks there, and who called whom.
-- grain: conversation at one vantage
-- key: flow
-- store: view
SELECT
  l.*,
  c.node, c.protocol, c.src_ip, c.dst_ip, c.dst_port, c.src_node, c.source_class, c.rules_node,
  r.stitch_key, r.is_after, r.has_marks, r.has_ingress, r.has_after
FROM legs AS l
INNER JOIN ranks AS r ON r.flow = l.flow
INNER JOIN roles AS c ON c.call = l.call
