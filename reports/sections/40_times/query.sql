SELECT
  bucket_us,
  CAST(width_us AS DOUBLE) / 1000000 AS width_s,
  service,
  label,
  entered_at,
  connection_count
FROM distribution_times
ORDER BY bucket_us NULLS LAST, service NULLS LAST, label NULLS LAST, entered_at NULLS LAST
