-- One row a service and label, the busiest service first, its commonest label first.
WITH counted AS (
  SELECT service, label, CAST(SUM(connection_count) AS BIGINT) AS connection_count
  FROM distribution_labels
  GROUP BY service, label
),
sized AS (
  SELECT
    service,
    label,
    connection_count,
    CAST(SUM(connection_count) OVER (PARTITION BY service) AS BIGINT) AS service_connection_count
  FROM counted
)
SELECT service, label, connection_count, service_connection_count
FROM sized
ORDER BY
  CASE WHEN service IS NULL THEN 1 ELSE 0 END,
  service_connection_count DESC NULLS LAST,
  service NULLS LAST,
  connection_count DESC NULLS LAST,
  label NULLS LAST
