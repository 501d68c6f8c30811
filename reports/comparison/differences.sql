-- One row a measure of a service, or of the whole run: what changed comes first.
SELECT *
FROM differences
ORDER BY
  changed DESC NULLS LAST,
  CASE WHEN service IS NULL THEN 0 ELSE 1 END,
  service NULLS LAST,
  measure NULLS LAST
