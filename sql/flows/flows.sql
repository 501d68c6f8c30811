-- about: One row per conversation at one vantage, with the connection that it belongs to and that connection's label.
-- grain: conversation at one vantage
-- key: flow_id
-- column: node VARCHAR Node that captured it.
-- column: interface VARCHAR Interface that captured it.
-- column: flow_id VARCHAR capture_id, a dash, and the line of its first packet.
-- column: connection_id VARCHAR Connection it is part of; NULL if it matches none.
-- column: leg VARCHAR ingress, forward or delivery; `unknown` where none of these is certain.
-- column: protocol VARCHAR tcp, udp, sctp, ...
-- column: src_ip VARCHAR Client side address in this capture.
-- column: src_port INTEGER Client side port in this capture.
-- column: dst_ip VARCHAR Server side address in this capture.
-- column: dst_port INTEGER Server side port in this capture.
-- column: start_us BIGINT Time of the first packet.
-- column: end_us BIGINT Time of the last packet.
-- column: packet_count BIGINT Packets from client to server.
-- column: byte_count BIGINT Bytes on the wire from client to server.
-- column: reply_packet_count BIGINT Packets from server to client.
-- column: reply_byte_count BIGINT Bytes on the wire from server to client.
-- column: syn_count BIGINT SYNs from the client.
-- column: fin_count BIGINT FINs, both directions.
-- column: rst_count BIGINT RSTs, both directions.
-- column: request_count BIGINT HTTP requests; NULL if the export does not show them.
-- column: tcp_isn BIGINT Client's initial sequence number.
-- column: tcp_tsval BIGINT Timestamp value of the first SYN.
-- column: icmp_error_count BIGINT ICMP errors that quote it; one that several interfaces show counts once.
-- column: icmp_errors VARCHAR Kinds of these errors, separated by commas: port unreachable, packet too big, ...
-- column: label VARCHAR Label of its connection.
-- column: evidence VARCHAR Evidence of that label.
WITH labels AS (
  SELECT a.connection_key, c.connection_id, c.label, c.evidence
  FROM connection_anchors AS a
  -- flow_number is the capture's number times 2^40, plus the first line (capture_numbers)
  INNER JOIN capture_numbers AS n ON n.capture_number = a.flow_number // 1099511627776
  INNER JOIN connections AS c ON c.connection_id = n.capture_id || '-' || CAST(a.flow_number % 1099511627776 AS VARCHAR)
)
SELECT
  l.*,
  -- 2^40: see above
  n.capture_id || '-' || CAST(l.flow_number % 1099511627776 AS VARCHAR) AS flow_id,
  b.connection_id,
  COALESCE(e.icmp_error_count, 0) AS icmp_error_count,
  e.icmp_errors,
  COALESCE(b.label, 'unlabelled') AS label,
  COALESCE(b.evidence, 'unknown') AS evidence
FROM connection_legs AS l
INNER JOIN capture_numbers AS n ON n.capture_number = l.flow_number // 1099511627776
LEFT JOIN labels AS b ON b.connection_key = l.connection_key
LEFT JOIN flow_icmp_errors AS e ON e.flow_number = l.flow_number
