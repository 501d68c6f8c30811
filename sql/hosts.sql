-- about: Addresses that packets show, numbered in their order as text: numbers are compared sooner.
-- grain: address
-- key: ip
-- store: no
WITH met AS (
  SELECT src_ip AS ip FROM calls
  UNION
  SELECT dst_ip FROM calls
)
SELECT ip, ROW_NUMBER() OVER (ORDER BY ip NULLS LAST) AS host FROM met
