-- about: Connections per pod over time, in the buckets of `distribution_times`.
-- grain: service, pod and time bucket
-- key: service, served_by, bucket_us
WITH widths AS (
  SELECT MAX(width_us) AS width_us FROM distribution_times
),
starts AS (
  SELECT
    c.service,
    COALESCE(c.pod, c.pod_ip) AS served_by,
    CAST(floor(CAST(c.start_us AS DOUBLE) / w.width_us) AS BIGINT) * w.width_us AS bucket_us,
    w.width_us
  FROM connections AS c
  CROSS JOIN widths AS w
  WHERE c.start_us IS NOT NULL AND c.service IS NOT NULL AND COALESCE(c.pod, c.pod_ip) IS NOT NULL
)
SELECT
  service,
  served_by,
  bucket_us,
  width_us,
  COUNT(*) AS connection_count
FROM starts
GROUP BY service, served_by, bucket_us, width_us
