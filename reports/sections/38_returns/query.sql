SELECT service, service_port, same_node, same_pod, connection_count, client_count
FROM distribution_returns
ORDER BY service NULLS LAST, service_port NULLS LAST, connection_count DESC NULLS LAST, same_node NULLS LAST, same_pod NULLS LAST
