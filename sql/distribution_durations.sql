-- about: How long connections of each service lasted, from the first packet of the anchor flow to its last, and what they carried.
-- about: `is_long` are those that lasted more than half of the time between the run's first and last packet of connections.
-- grain: service, class of durations
-- key: service, least_us, is_long
WITH lasting AS (
  SELECT service, end_us - start_us AS lasted_us, request_count, byte_count
  FROM connections
  WHERE service IS NOT NULL AND start_us IS NOT NULL AND end_us IS NOT NULL
),
span AS (
  SELECT MAX(end_us) - MIN(start_us) AS span_us FROM connections
),
classes AS (
  SELECT
    l.service, l.request_count, l.byte_count, l.lasted_us > s.span_us / 2 AS is_long,
    CAST(CASE
      WHEN lasted_us < 10000 THEN 0
      WHEN lasted_us < 100000 THEN 10000
      WHEN lasted_us < 1000000 THEN 100000
      WHEN lasted_us < 10000000 THEN 1000000
      WHEN lasted_us < 60000000 THEN 10000000
      WHEN lasted_us < 600000000 THEN 60000000
      ELSE 600000000
    END AS BIGINT) AS least_us
  FROM lasting AS l
  CROSS JOIN span AS s
)
SELECT
  service,
  least_us,
  is_long,
  COUNT(*) AS connection_count,
  CAST(SUM(request_count) AS BIGINT) AS request_count,
  CAST(SUM(byte_count) AS BIGINT) AS byte_count
FROM classes
GROUP BY service, least_us, is_long
