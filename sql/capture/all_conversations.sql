-- about: One row per conversation at one vantage, with its number. Parts that a rotated capture cut apart are joined.
-- grain: conversation at one vantage
-- key: flow_number
-- store: view
SELECT
  n.capture_number * 1099511627776 + c.first_line AS flow_number, c.node, c.interface, protocol, lower_ip, lower_port,
  upper_ip, upper_port, c.capture_id, first_line,
  start_us, end_us, lower_packets, upper_packets, lower_bytes, upper_bytes, flagged_packets, lower_syns,
  upper_syns, lower_synacks, upper_synacks, fins, rsts, payload_bytes, requests, isn, tsval, syn_tsvals,
  synack_us, synack_seq, synack_ack, lower_first_seq, lower_first_ack, lower_last_seq, lower_last_ack,
  upper_first_seq, upper_first_ack, upper_last_seq, upper_last_ack, first_ip_id, lower_ttl, upper_ttl
FROM conversations AS c
INNER JOIN capture_numbers AS n ON n.capture_id = c.capture_id
LEFT JOIN rotated_files AS r
  ON r.capture_id = c.capture_id AND r.node = c.node AND r.interface IS NOT DISTINCT FROM c.interface
WHERE r.series_number IS NULL
UNION ALL
SELECT
  flow_number, node, interface, protocol, lower_ip, lower_port, upper_ip, upper_port, capture_id, first_line,
  start_us, end_us, lower_packets, upper_packets, lower_bytes, upper_bytes, flagged_packets, lower_syns,
  upper_syns, lower_synacks, upper_synacks, fins, rsts, payload_bytes, requests, isn, tsval, syn_tsvals,
  synack_us, synack_seq, synack_ack, lower_first_seq, lower_first_ack, lower_last_seq, lower_last_ack,
  upper_first_seq, upper_first_ack, upper_last_seq, upper_last_ack, first_ip_id, lower_ttl, upper_ttl
FROM rotated_conversations
