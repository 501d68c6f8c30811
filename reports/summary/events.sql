-- One row a service and kind of event: what changed between the first connection and the last; a dump of rules changes nothing.
SELECT
  service,
  event,
  MIN(at_us) AS first_us,
  MAX(at_us) AS last_us,
  COUNT(DISTINCT pod) AS pod_count,
  COUNT(DISTINCT node) AS node_count,
  COALESCE(CAST(SUM(connection_count) AS BIGINT), 0) AS connection_count
FROM distribution_events
WHERE event <> 'rules-dumped'
GROUP BY service, event
ORDER BY first_us NULLS LAST, service NULLS LAST, event NULLS LAST
