WITH counted AS (
  SELECT
    service,
    served_by,
    entered_at,
    CAST(SUM(connection_count) AS BIGINT) AS connection_count,
    CAST(SUM(request_count) AS BIGINT) AS request_count,
    CAST(SUM(byte_count) AS BIGINT) AS byte_count
  FROM distribution_paths
  GROUP BY service, served_by, entered_at
),
sized AS (
  SELECT service, CAST(SUM(connection_count) AS BIGINT) AS service_count
  FROM counted
  GROUP BY service
)
SELECT
  c.service,
  c.served_by,
  c.entered_at,
  c.connection_count,
  CAST(c.connection_count AS DOUBLE) / s.service_count AS connection_share,
  c.request_count,
  c.byte_count
FROM counted AS c
INNER JOIN sized AS s ON s.service = c.service
ORDER BY
  s.service_count DESC NULLS LAST,
  c.service NULLS LAST,
  c.connection_count DESC NULLS LAST,
  c.served_by NULLS LAST,
  c.entered_at NULLS LAST
