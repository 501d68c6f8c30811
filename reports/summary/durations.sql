-- One row a service: its connections that lasted more than half of the run, and what they carried.
SELECT
  service,
  CAST(SUM(connection_count) AS BIGINT) AS connection_count,
  COALESCE(CAST(SUM(CASE WHEN is_long THEN connection_count END) AS BIGINT), 0) AS long_count,
  COALESCE(CAST(SUM(request_count) AS BIGINT), 0) AS request_count,
  COALESCE(CAST(SUM(CASE WHEN is_long THEN request_count END) AS BIGINT), 0) AS long_request_count
FROM distribution_durations
GROUP BY service
ORDER BY service NULLS LAST
