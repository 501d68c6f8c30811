-- about: Sockets that rules or objects show as a server's; they tell client from server where no SYN was seen.
-- grain: socket
-- key: protocol, ip, port
-- store: no
SELECT protocol, ip, port FROM rule_servers
UNION
SELECT protocol, ip, port FROM service_ports WHERE ip IS NOT NULL AND port IS NOT NULL
UNION
SELECT protocol, ip, port FROM endpoints WHERE ip IS NOT NULL AND port IS NOT NULL
