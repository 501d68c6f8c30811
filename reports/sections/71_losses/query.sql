SELECT
  node,
  file,
  due_count,
  missing_count,
  CAST(missing_count AS DOUBLE) / NULLIF(due_count, 0) AS missing_share,
  flow_count,
  one_sided_count
FROM distribution_losses
ORDER BY missing_share DESC NULLS LAST, node NULLS LAST, file NULLS LAST
