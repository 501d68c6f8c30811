-- Findings that a reader must know of, the worst first.
SELECT finding, severity, MIN(message) AS message, MIN(remedy) AS remedy, COUNT(*) AS finding_count
FROM findings
WHERE severity IN ('error', 'warning')
GROUP BY finding, severity
ORDER BY severity NULLS LAST, finding_count DESC NULLS LAST, finding NULLS LAST
