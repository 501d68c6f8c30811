-- about: One row per service and class of durations. A duration runs from the first packet of the anchor flow to its
-- about: last.
-- about: `is_long`: more than half of the time between the run's first and last packet of connections; such connections
-- about: hold their pod while others are spread anew.
-- grain: service, class of durations
-- key: service, least_us, is_long
-- column: service VARCHAR namespace/name.
-- column: least_us BIGINT The shortest duration of the class: 0, 10 ms, 100 ms, 1 s, 10 s, 1 or 10 minutes.
-- column: is_long BOOLEAN Whether they lasted more than half of the run.
-- column: connection_count BIGINT Connections.
-- column: request_count BIGINT HTTP requests; NULL if the export does not show them.
-- column: byte_count BIGINT Bytes of the anchor flows, both directions.
WITH lasting_connections AS (
  SELECT service, end_us - start_us AS lasted_us, request_count, byte_count
  FROM connections
  WHERE service IS NOT NULL AND start_us IS NOT NULL AND end_us IS NOT NULL
),
span AS (
  SELECT MAX(end_us) - MIN(start_us) AS span_us FROM connections
),
duration_classes AS (
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
  FROM lasting_connections AS l
  CROSS JOIN span AS s
)
SELECT
  service,
  least_us,
  is_long,
  COUNT(*) AS connection_count,
  CAST(SUM(request_count) AS BIGINT) AS request_count,
  CAST(SUM(byte_count) AS BIGINT) AS byte_count
FROM duration_classes
GROUP BY service, least_us, is_long
