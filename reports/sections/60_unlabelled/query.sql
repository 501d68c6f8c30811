SELECT reason, service, entered_at, connection_count
FROM distribution_unlabelled
ORDER BY connection_count DESC NULLS LAST, reason NULLS LAST, service NULLS LAST, entered_at NULLS LAST
