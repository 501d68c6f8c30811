-- about: Sockets that rules (as what is dialled, or as an endpoint) or objects show as a server's; they tell client from
-- about: server where no SYN was seen.
-- grain: socket
-- key: protocol, ip, port
-- store: no
WITH kinds AS (
  SELECT 'tcp' AS protocol UNION ALL SELECT 'udp' AS protocol UNION ALL SELECT 'sctp' AS protocol
),
targets AS (
  SELECT DISTINCT
    protocol,
    regexp_extract(spec, '(to-destination|dnat( ip6?)? to) ([^ ]+)', 3) AS socket
  FROM rules_in_use
  WHERE spec LIKE '%to-destination %' OR spec LIKE '%dnat%to %'
),
endings AS (
  SELECT
    protocol,
    replace(replace(regexp_extract(socket, '^(.+):([0-9]+)$', 1), '[', ''), ']', '') AS ip,
    TRY_CAST(regexp_extract(socket, '^(.+):([0-9]+)$', 2) AS INTEGER) AS port
  FROM targets
)
SELECT k.protocol, e.ip, e.port
FROM endings AS e
INNER JOIN kinds AS k ON COALESCE(e.protocol, k.protocol) = k.protocol
WHERE e.ip <> '' AND e.port IS NOT NULL
UNION
SELECT protocol, ip, port FROM rule_servers
UNION
SELECT protocol, ip, port FROM service_ports WHERE ip IS NOT NULL AND port IS NOT NULL
UNION
SELECT protocol, ip, port FROM endpoints WHERE ip IS NOT NULL AND port IS NOT NULL
