SELECT evidence, label, CAST(SUM(connection_count) AS BIGINT) AS connection_count
FROM distribution_labels
GROUP BY evidence, label
ORDER BY connection_count DESC NULLS LAST, evidence NULLS LAST, label NULLS LAST
