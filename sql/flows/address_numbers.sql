-- about: Addresses that packets show, numbered in their order as text: numbers are compared sooner.
-- grain: address
-- key: ip
-- store: no
WITH met AS (
  SELECT src_ip AS ip FROM client_sockets
  UNION
  SELECT dst_ip FROM client_sockets
)
SELECT ip, ROW_NUMBER() OVER (ORDER BY ip NULLS LAST) AS host FROM met
