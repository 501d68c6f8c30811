-- One row a service, the busiest first.
WITH counted AS (
  SELECT
    service,
    CAST(SUM(connection_count) AS BIGINT) AS connection_count,
    COALESCE(CAST(SUM(CASE WHEN hop = 'unknown' THEN connection_count END) AS BIGINT), 0) AS hop_unknown_count,
    COALESCE(CAST(SUM(CASE WHEN hop = 'forwarded' THEN connection_count END) AS BIGINT), 0) AS forwarded_count,
    COALESCE(CAST(SUM(CASE WHEN hop IN ('local', 'forwarded') THEN connection_count END) AS BIGINT), 0) AS hop_count,
    COALESCE(CAST(SUM(CASE WHEN NOT source_nat AND hop IN ('local', 'forwarded') THEN connection_count END) AS BIGINT), 0) AS client_kept_count,
    COALESCE(
      CAST(SUM(CASE WHEN source_nat IS NOT NULL AND hop IN ('local', 'forwarded') THEN connection_count END) AS BIGINT), 0
    ) AS source_nat_known_count,
    COALESCE(
      CAST(SUM(CASE WHEN hop = 'unknown' OR (source_nat IS NULL AND hop IN ('local', 'forwarded')) THEN connection_count END) AS BIGINT), 0
    ) AS source_nat_unknown_count,
    COALESCE(CAST(SUM(CASE WHEN label = 'unlabelled' THEN connection_count END) AS BIGINT), 0) AS unlabelled_count,
    COALESCE(CAST(SUM(CASE WHEN evidence = 'assumed' THEN connection_count END) AS BIGINT), 0) AS assumed_count,
    COALESCE(CAST(SUM(CASE WHEN affinity = 'pinned' THEN connection_count END) AS BIGINT), 0) AS pinned_count,
    COALESCE(CAST(SUM(CASE WHEN affinity NOT IN ('none', 'unknown', 'hidden') THEN connection_count END) AS BIGINT), 0)
      AS affinity_count
  FROM distribution_labels
  WHERE service IS NOT NULL
  GROUP BY service
),
pods AS (
  SELECT service, served_by, CAST(SUM(connection_count) AS BIGINT) AS connection_count
  FROM distribution_paths
  WHERE served_by IS NOT NULL
  GROUP BY service, served_by
),
ranked AS (
  SELECT
    service,
    served_by,
    connection_count,
    ROW_NUMBER() OVER (
      PARTITION BY service ORDER BY connection_count DESC NULLS LAST, served_by NULLS LAST
    ) AS place,
    COUNT(*) OVER (PARTITION BY service) AS pod_count,
    CAST(SUM(connection_count) OVER (PARTITION BY service) AS BIGINT) AS served_count
  FROM pods
)
SELECT
  c.*,
  COALESCE(r.pod_count, 0) AS pod_count,
  r.served_by AS busiest_pod,
  COALESCE(r.connection_count, 0) AS busiest_count,
  COALESCE(r.served_count, 0) AS served_count
FROM counted AS c
LEFT JOIN ranked AS r ON r.service = c.service AND r.place = 1
ORDER BY c.connection_count DESC NULLS LAST, c.service NULLS LAST
