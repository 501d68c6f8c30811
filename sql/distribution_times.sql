-- about: Connections per service, label and way in over time. The buckets are of one width a run: about a hundred for its span.
-- grain: service, label, way in and time bucket
-- key: service, label, entered_at, bucket_us
WITH span AS (
  SELECT MAX(start_us) - MIN(start_us) AS span_us FROM connections
),
widths AS (
  SELECT
    CASE
      WHEN span_us <= 12000000 THEN 100000
      WHEN span_us <= 120000000 THEN 1000000
      WHEN span_us <= 1200000000 THEN 10000000
      WHEN span_us <= 7200000000 THEN 60000000
      WHEN span_us <= 72000000000 THEN 600000000
      ELSE 3600000000
    END AS width_us
  FROM span
),
starts AS (
  SELECT
    c.service,
    c.label,
    COALESCE(c.ingress_node, c.snat_ip) AS entered_at,
    CAST(floor(CAST(c.start_us AS DOUBLE) / w.width_us) AS BIGINT) * w.width_us AS bucket_us,
    CAST(w.width_us AS BIGINT) AS width_us
  FROM connections AS c
  CROSS JOIN widths AS w
  WHERE c.start_us IS NOT NULL
)
SELECT
  service,
  label,
  entered_at,
  bucket_us,
  width_us,
  COUNT(*) AS connection_count
FROM starts
GROUP BY service, label, entered_at, bucket_us, width_us
