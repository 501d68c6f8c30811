WITH counted AS (
  SELECT
    service,
    affinity || COALESCE(': ' || affinity_reason, '') AS outcome,
    node AS entered_at,
    connection_count,
    client_count
  FROM distribution_affinities
),
sized AS (
  SELECT c.*, CAST(SUM(connection_count) OVER (PARTITION BY service) AS BIGINT) AS service_count
  FROM counted AS c
)
SELECT
  service,
  outcome,
  entered_at,
  connection_count,
  CAST(connection_count AS DOUBLE) / service_count AS connection_share,
  client_count
FROM sized
ORDER BY
  service_count DESC NULLS LAST,
  service NULLS LAST,
  connection_count DESC NULLS LAST,
  outcome NULLS LAST,
  entered_at NULLS LAST
