-- One row a service, uneven ones first, then the busiest: whether its spread is even, and why not.
SELECT v.*
FROM verdicts AS v
ORDER BY
  CASE WHEN v.verdict = 'uneven' THEN 0 ELSE 1 END, v.connection_count DESC NULLS LAST, v.service NULLS LAST
