-- about: Whether an address is in a range, both IPv4 or both IPv6: ip_in(client_ip, '10.220.0.0/16').
-- parameters: ip, cidr
CASE
  WHEN contains(ip, ':') <> contains(cidr, ':') THEN FALSE
  ELSE ip_number(ip) >> CAST(
    CASE WHEN contains(ip, ':') THEN 128 ELSE 32 END - CAST(string_split(cidr, '/')[2] AS INTEGER) AS UHUGEINT
  ) = ip_number(string_split(cidr, '/')[1]) >> CAST(
    CASE WHEN contains(ip, ':') THEN 128 ELSE 32 END - CAST(string_split(cidr, '/')[2] AS INTEGER) AS UHUGEINT
  )
END
