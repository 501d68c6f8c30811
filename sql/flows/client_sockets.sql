-- about: One row per sender and socket on one node, as the captures show them: whatever depends on source address and
-- about: destination socket only, and not on the source port, is computed once per row. Its number is that of one of
-- about: its flows.
-- grain: sender and socket on one node
-- key: node, src_ip, protocol, dst_ip, dst_port
-- store: no
SELECT node, src_ip, protocol, dst_ip, dst_port, MIN(flow_number) AS client_socket_number
FROM directed_flows
GROUP BY node, src_ip, protocol, dst_ip, dst_port
