SELECT
  service,
  measure,
  value_a AS before_share,
  value_b AS after_share,
  difference AS difference_share,
  low AS low_share,
  high AS high_share,
  p_value,
  changed,
  count_a AS before_count,
  count_b AS after_count
FROM differences
ORDER BY
  changed DESC NULLS LAST,
  CASE WHEN service IS NULL THEN 0 ELSE 1 END,
  service NULLS LAST,
  measure NULLS LAST
