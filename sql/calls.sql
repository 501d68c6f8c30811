-- about: Who sent to which socket, as the captures show it; where the sender's port makes no difference.
-- grain: sender and socket on one node
-- key: node, src_ip, protocol, dst_ip, dst_port
-- store: no
SELECT DISTINCT node, src_ip, protocol, dst_ip, dst_port FROM sightings
