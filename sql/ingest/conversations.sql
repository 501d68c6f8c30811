-- about: One row per conversation of one export: the packets between two sockets in both directions. A socket is an
-- about: address and a port, or an address alone where packets have no ports. Client and server are not decided yet.
-- about: `texts` maps each number of `conversation_sums` to an address, interface or protocol.
-- grain: conversation of one export
-- key: first_line
-- stage: ingest
SELECT
  i.text AS interface,
  p.text AS protocol,
  l.text AS lower_ip,
  CAST(NULLIF(c.lower_socket % 131072, 0) - 1 AS INTEGER) AS lower_port,
  u.text AS upper_ip,
  CAST(NULLIF(c.upper_socket % 131072, 0) - 1 AS INTEGER) AS upper_port,
  c.* EXCLUDE (interface_and_protocol, lower_socket, upper_socket)
FROM conversation_sums AS c
INNER JOIN texts AS i ON i.number = c.interface_and_protocol // 4294967296
INNER JOIN texts AS p ON p.number = c.interface_and_protocol % 4294967296
INNER JOIN texts AS l ON l.number = c.lower_socket // 131072
INNER JOIN texts AS u ON u.number = c.upper_socket // 131072
