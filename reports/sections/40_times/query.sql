SELECT
  bucket_us,
  service,
  label,
  entered_at,
  connection_count,
  width_us
FROM distribution_times
ORDER BY bucket_us NULLS LAST, service NULLS LAST, label NULLS LAST, entered_at NULLS LAST
