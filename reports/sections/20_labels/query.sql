WITH counted AS (
  SELECT service, label, hop, source_nat, CAST(SUM(connection_count) AS BIGINT) AS connection_count
  FROM distribution_labels
  GROUP BY service, label, hop, source_nat
),
sized AS (
  SELECT
    service,
    label,
    hop,
    source_nat,
    connection_count,
    CAST(SUM(connection_count) OVER (PARTITION BY service) AS BIGINT) AS service_count
  FROM counted
)
SELECT
  service,
  label,
  hop,
  source_nat,
  connection_count,
  CAST(connection_count AS DOUBLE) / service_count AS connection_share
FROM sized
ORDER BY
  CASE WHEN service IS NULL THEN 1 ELSE 0 END,
  service_count DESC NULLS LAST,
  service NULLS LAST,
  connection_count DESC NULLS LAST,
  label NULLS LAST,
  hop NULLS LAST,
  source_nat NULLS LAST
