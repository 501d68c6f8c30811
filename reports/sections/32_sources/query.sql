SELECT client_group, entered_at, served_by, service, connection_count, client_count, request_count, byte_count
FROM distribution_sources
ORDER BY
  connection_count DESC NULLS LAST, service NULLS LAST, client_group NULLS LAST, entered_at NULLS LAST, served_by NULLS LAST
