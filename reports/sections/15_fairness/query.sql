SELECT
  e.service,
  e.served_by,
  e.connection_count,
  e.connection_share,
  e.expected_share,
  e.choice_count,
  e.expected_choices,
  e.low_count,
  e.high_count,
  e.choice_count < e.low_count OR e.choice_count > e.high_count AS is_beyond,
  e.request_count,
  e.byte_count
FROM expected_shares AS e
INNER JOIN verdicts AS v ON v.service = e.service
ORDER BY
  CASE WHEN v.verdict = 'uneven' THEN 0 ELSE 1 END,
  v.connection_count DESC NULLS LAST, e.service NULLS LAST, e.connection_count DESC NULLS LAST, e.served_by NULLS LAST
