-- about: One row per socket (protocol, address, port) that rules or objects show as a server's: a frontend that clients
-- about: connect to, or an endpoint. It decides which end of a conversation is the server where no SYN was captured.
-- grain: socket
-- key: protocol, ip, port
-- store: no
WITH protocols AS (
  SELECT 'tcp' AS protocol UNION ALL SELECT 'udp' AS protocol UNION ALL SELECT 'sctp' AS protocol
),
dnat_targets AS (
  SELECT DISTINCT
    protocol,
    regexp_extract(spec, '(to-destination|dnat( ip6?)? to) ([^ ]+)', 3) AS socket
  FROM rules_in_use
  WHERE spec LIKE '%to-destination %' OR spec LIKE '%dnat%to %'
),
dnat_sockets AS (
  SELECT
    protocol,
    replace(replace(regexp_extract(socket, '^(.+):([0-9]+)$', 1), '[', ''), ']', '') AS ip,
    TRY_CAST(regexp_extract(socket, '^(.+):([0-9]+)$', 2) AS INTEGER) AS port
  FROM dnat_targets
)
SELECT p.protocol, d.ip, d.port
FROM dnat_sockets AS d
INNER JOIN protocols AS p ON COALESCE(d.protocol, p.protocol) = p.protocol
WHERE d.ip <> '' AND d.port IS NOT NULL
UNION
SELECT protocol, ip, port FROM rule_servers
UNION
SELECT protocol, ip, port FROM service_ports WHERE ip IS NOT NULL AND port IS NOT NULL
UNION
SELECT protocol, ip, port FROM endpoints WHERE ip IS NOT NULL AND port IS NOT NULL
