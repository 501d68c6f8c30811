-- about: The time from a client's first SYN to the server's first SYN-ACK, for each TCP flow that shows both.
SELECT
  f.run, f.node, f.interface, f.connection_id, f.leg, f.src_ip, f.src_port, f.dst_ip, f.dst_port, f.syn_count,
  c.start_us AS syn_us, c.synack_us, c.synack_us - c.start_us AS wait_us
FROM flows AS f
INNER JOIN conversations AS c ON c.run = f.run AND f.flow_id = c.capture_id || '-' || c.first_line
WHERE f.syn_count > 0 AND c.synack_us IS NOT NULL
