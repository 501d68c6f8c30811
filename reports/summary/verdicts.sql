-- One row a service, the busiest first: whether its spread is even, and why not.
SELECT v.*
FROM verdicts AS v
ORDER BY v.connection_count DESC NULLS LAST, v.service NULLS LAST
