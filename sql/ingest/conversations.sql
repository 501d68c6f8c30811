-- about: Packets between two sockets (two addresses, where there are no ports) at one vantage, both directions, not yet
-- about: told apart into client and server.
-- about: `texts` says which address, interface or protocol each number in `sums` stands for.
-- grain: conversation of one export
-- key: first_line
-- stage: ingest
SELECT
  i.text AS interface,
  p.text AS protocol,
  l.text AS lower_ip,
  CAST(NULLIF(lower_socket % 131072, 0) - 1 AS INTEGER) AS lower_port,
  u.text AS upper_ip,
  CAST(NULLIF(upper_socket % 131072, 0) - 1 AS INTEGER) AS upper_port,
  s.* EXCLUDE (medium, lower_socket, upper_socket)
FROM conversation_sums AS s
INNER JOIN texts AS i ON i.number = s.medium // 4294967296
INNER JOIN texts AS p ON p.number = s.medium % 4294967296
INNER JOIN texts AS l ON l.number = s.lower_socket // 131072
INNER JOIN texts AS u ON u.number = s.upper_socket // 131072
