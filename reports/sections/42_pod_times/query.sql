WITH sized AS (
  SELECT
    t.*,
    CAST(SUM(connection_count) OVER (PARTITION BY service) AS BIGINT) AS service_count
  FROM distribution_pod_times AS t
)
SELECT
  service,
  served_by,
  bucket_us,
  CAST(width_us AS DOUBLE) / 1000000 AS width_s,
  connection_count
FROM sized
ORDER BY
  service_count DESC NULLS LAST, service NULLS LAST, bucket_us NULLS LAST, served_by NULLS LAST
