-- about: Who sent to which socket, as the captures show it; where the sender's port makes no difference. Each has the number of
-- about: one of its flows.
-- grain: sender and socket on one node
-- key: node, src_ip, protocol, dst_ip, dst_port
-- store: no
SELECT node, src_ip, protocol, dst_ip, dst_port, MIN(flow_number) AS client_socket_number
FROM directed_flows
GROUP BY node, src_ip, protocol, dst_ip, dst_port
