SELECT
  node,
  file,
  kind,
  format,
  row_count,
  kept_count,
  rejected_count,
  first_us,
  last_us,
  file_bytes
FROM captures
ORDER BY node NULLS LAST, kind NULLS LAST, file NULLS LAST
