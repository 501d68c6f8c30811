-- about: One row per service, pod and time bucket: connections per pod over time, in the buckets of
-- about: `distribution_times`.
-- grain: service, pod and time bucket
-- key: service, served_by, bucket_us
-- column: service VARCHAR namespace/name.
-- column: served_by VARCHAR As in `distribution_paths`.
-- column: bucket_us BIGINT Begin of the bucket.
-- column: width_us BIGINT Width of the buckets, as in `distribution_times`.
-- column: connection_count BIGINT Connections that began in it.
WITH widths AS (
  SELECT MAX(width_us) AS width_us FROM distribution_times
),
buckets AS (
  SELECT
    s.service,
    s.served_by,
    CAST(floor(CAST(s.corrected_start_us AS DOUBLE) / w.width_us) AS BIGINT) * w.width_us AS bucket_us,
    w.width_us
  FROM connection_starts AS s
  CROSS JOIN widths AS w
  WHERE s.service IS NOT NULL AND s.served_by IS NOT NULL
)
SELECT
  service,
  served_by,
  bucket_us,
  width_us,
  COUNT(*) AS connection_count
FROM buckets
GROUP BY service, served_by, bucket_us, width_us
