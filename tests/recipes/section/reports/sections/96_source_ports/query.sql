SELECT service, COALESCE(snat_ip, client_ip) AS seen_from, COUNT(*) AS connection_count
FROM connections
WHERE COALESCE(snat_ip, client_ip) IS NOT NULL
GROUP BY service, COALESCE(snat_ip, client_ip)
ORDER BY service NULLS LAST, connection_count DESC NULLS LAST, seen_from NULLS LAST
