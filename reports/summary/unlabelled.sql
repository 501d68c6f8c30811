-- One row a reason, the commonest first.
SELECT reason, CAST(SUM(connection_count) AS BIGINT) AS connection_count
FROM distribution_unlabelled
GROUP BY reason
ORDER BY connection_count DESC NULLS LAST, reason NULLS LAST
