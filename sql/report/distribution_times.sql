-- about: One row per service, label, ingress and time bucket, by the reference clock.
-- about: All buckets of a run have one width, chosen so that its span has about a hundred.
-- grain: service, label, ingress and time bucket
-- key: service, label, entered_at, bucket_us
-- column: service VARCHAR namespace/name; NULL if no Service is involved.
-- column: label VARCHAR As in `connections`.
-- column: entered_at VARCHAR As in `distribution_paths`.
-- column: bucket_us BIGINT Begin of the bucket, by the reference clock (`clock_offsets`).
-- column: width_us BIGINT Width of the buckets; one for the whole run.
-- column: connection_count BIGINT Connections that began in it.
WITH time_span AS (
  SELECT MAX(corrected_start_us) - MIN(corrected_start_us) AS span_us FROM connection_starts
),
widths AS (
  SELECT
    CAST(CASE
      WHEN span_us <= 12000000 THEN 100000
      WHEN span_us <= 120000000 THEN 1000000
      WHEN span_us <= 1200000000 THEN 10000000
      WHEN span_us <= 7200000000 THEN 60000000
      WHEN span_us <= 72000000000 THEN 600000000
      ELSE 3600000000
    END AS BIGINT) AS width_us
  FROM time_span
)
SELECT
  s.service,
  s.label,
  s.entered_at,
  CAST(floor(CAST(s.corrected_start_us AS DOUBLE) / w.width_us) AS BIGINT) * w.width_us AS bucket_us,
  w.width_us,
  COUNT(*) AS connection_count
FROM connection_starts AS s
CROSS JOIN widths AS w
GROUP BY s.service, s.label, s.entered_at, CAST(floor(CAST(s.corrected_start_us AS DOUBLE) / w.width_us) AS BIGINT) * w.width_us, w.width_us
