-- about: Service addresses where a joined leg reached an endpoint that the node's rules do not have: the dump is older
-- about: or newer than the traffic, and so, likely, are the other nodes'.
-- grain: service address
-- key: protocol, dst_ip, dst_port
-- store: no
SELECT DISTINCT j.protocol, j.dst_ip, j.dst_port
FROM joined AS j
LEFT JOIN decisions AS d
  ON d.node = j.rules_node AND d.protocol = j.protocol AND d.dst_ip = j.dst_ip AND d.dst_port = j.dst_port
  AND d.endpoint_ip = j.after_dst_ip AND d.endpoint_port = j.after_dst_port
WHERE j.trace_id IS NOT NULL AND j.after_dst_ip IS NOT NULL AND d.endpoint_ip IS NULL
