SELECT
  entered_at,
  bucket_us,
  CAST(MAX(width_us) AS DOUBLE) / 1000000 AS width_s,
  CAST(SUM(connection_count) AS BIGINT) AS connection_count
FROM distribution_times
WHERE entered_at IS NOT NULL
GROUP BY entered_at, bucket_us
ORDER BY entered_at NULLS LAST, bucket_us NULLS LAST
