SELECT s.service, s.part, s.deviance, s.deviance_share, s.chance_deviance, v.verdict
FROM skew_parts AS s
INNER JOIN verdicts AS v ON v.service = s.service
WHERE s.deviance > 0
ORDER BY
  v.connection_count DESC NULLS LAST, s.service NULLS LAST, s.deviance DESC NULLS LAST, s.part NULLS LAST
