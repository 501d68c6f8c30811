WITH sized AS (
  SELECT
    service,
    least_us,
    connection_count,
    request_count,
    byte_count,
    is_long,
    CAST(SUM(connection_count) OVER (PARTITION BY service) AS BIGINT) AS service_count
  FROM distribution_durations
)
SELECT
  service,
  CASE least_us
    WHEN 0 THEN 'under 10 ms'
    WHEN 10000 THEN '10 to 100 ms'
    WHEN 100000 THEN '0.1 to 1 s'
    WHEN 1000000 THEN '1 to 10 s'
    WHEN 10000000 THEN '10 to 60 s'
    WHEN 60000000 THEN '1 to 10 min'
    ELSE '10 min and more'
  END AS lasted,
  is_long,
  connection_count,
  CAST(connection_count AS DOUBLE) / service_count AS connection_share,
  request_count,
  byte_count
FROM sized
ORDER BY service_count DESC NULLS LAST, service NULLS LAST, least_us NULLS LAST, is_long NULLS LAST
