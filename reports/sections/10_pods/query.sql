WITH counted AS (
  SELECT
    service,
    COALESCE(served_by, 'pods on ' || pod_node) AS served_by,
    entered_at,
    CAST(SUM(connection_count) AS BIGINT) AS connection_count,
    CAST(SUM(request_count) AS BIGINT) AS request_count,
    CAST(SUM(byte_count) AS BIGINT) AS byte_count
  FROM distribution_paths
  GROUP BY service, COALESCE(served_by, 'pods on ' || pod_node), entered_at
),
sized AS (
  SELECT
    service,
    served_by,
    entered_at,
    connection_count,
    request_count,
    byte_count,
    CAST(SUM(connection_count) OVER (PARTITION BY service) AS BIGINT) AS service_count
  FROM counted
)
SELECT
  service,
  served_by,
  entered_at,
  connection_count,
  CAST(connection_count AS DOUBLE) / service_count AS connection_share,
  request_count,
  byte_count
FROM sized
ORDER BY
  CASE WHEN service IS NULL THEN 1 ELSE 0 END,
  service_count DESC NULLS LAST,
  service NULLS LAST,
  connection_count DESC NULLS LAST,
  served_by NULLS LAST,
  entered_at NULLS LAST
