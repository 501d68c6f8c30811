WITH pods AS (
  SELECT
    service,
    served_by,
    CAST(SUM(connection_count) AS BIGINT) AS connection_count
  FROM distribution_pod_times
  GROUP BY service, served_by
),
ranked AS (
  SELECT
    service,
    served_by,
    CAST(SUM(connection_count) OVER (PARTITION BY service) AS BIGINT) AS service_count,
    ROW_NUMBER() OVER (PARTITION BY service ORDER BY connection_count DESC NULLS LAST, served_by NULLS LAST) AS place,
    COUNT(*) OVER (PARTITION BY service) AS pod_count
  FROM pods
),
places AS (
  SELECT
    r.*,
    DENSE_RANK() OVER (ORDER BY service_count DESC NULLS LAST, service NULLS LAST) AS service_place
  FROM ranked AS r
)
SELECT
  t.service,
  CASE
    WHEN p.place <= 19 OR p.pod_count = 20 THEN t.served_by
    ELSE CAST(p.pod_count - 19 AS VARCHAR) || ' other pods'
  END AS served_by,
  t.bucket_us,
  CAST(MAX(t.width_us) AS DOUBLE) / 1000000 AS width_s,
  CAST(SUM(t.connection_count) AS BIGINT) AS connection_count
FROM distribution_pod_times AS t
INNER JOIN places AS p ON p.service = t.service AND p.served_by = t.served_by
WHERE p.service_place <= 4
GROUP BY
  p.service_count,
  t.service,
  CASE
    WHEN p.place <= 19 OR p.pod_count = 20 THEN t.served_by
    ELSE CAST(p.pod_count - 19 AS VARCHAR) || ' other pods'
  END,
  t.bucket_us
ORDER BY
  p.service_count DESC NULLS LAST, t.service NULLS LAST, t.bucket_us NULLS LAST, served_by NULLS LAST
