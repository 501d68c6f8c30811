SELECT
  bucket_us,
  CAST(MAX(width_us) AS DOUBLE) / 1000000 AS width_s,
  label,
  CAST(SUM(connection_count) AS BIGINT) AS connection_count
FROM distribution_times
GROUP BY bucket_us, label
ORDER BY bucket_us NULLS LAST, label NULLS LAST
