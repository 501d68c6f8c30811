-- One row a run, service and measure: a share with what it is a share of; `service` is NULL for the run as a whole.
-- `choice_count` is how many of `whole_count` session affinity did not decide: only these are chance.
WITH flags AS (
  SELECT
    run,
    service,
    connection_count,
    CASE WHEN affinity IN ('pinned', 'hidden', 'unknown') THEN 0 ELSE connection_count END AS choice_count,
    hop IN ('local', 'forwarded') AS has_hop,
    hop IN ('local', 'forwarded') AND source_nat IS NOT NULL AS has_way,
    COALESCE(hop = 'forwarded', FALSE) AS is_forwarded,
    COALESCE(hop = 'forwarded' AND source_nat, FALSE) AS is_snat_forwarded,
    COALESCE(hop IN ('local', 'forwarded') AND NOT source_nat, FALSE) AS keeps_client,
    label = 'unlabelled' AS is_unlabelled,
    label = 'dropped' AS is_dropped,
    affinity NOT IN ('none', 'unknown', 'hidden') AS has_affinity,
    affinity = 'pinned' AS is_pinned,
    affinity = 'moved' AS is_moved
  FROM distribution_labels
),
parts AS (
  SELECT run, service, 'forwarded_share' AS measure, is_forwarded AS is_part, has_hop AS is_whole, connection_count, choice_count FROM flags
  UNION ALL
  SELECT run, service, 'snat_forwarded_share', is_snat_forwarded, has_way, connection_count, choice_count FROM flags
  UNION ALL
  SELECT run, service, 'client_kept_share', keeps_client, has_way, connection_count, choice_count FROM flags
  UNION ALL
  SELECT run, service, 'unlabelled_share', is_unlabelled, TRUE, connection_count, choice_count FROM flags
  UNION ALL
  SELECT run, service, 'dropped_share', is_dropped, TRUE, connection_count, choice_count FROM flags
  UNION ALL
  SELECT run, service, 'pinned_share', is_pinned, has_affinity, connection_count, choice_count FROM flags
  UNION ALL
  SELECT run, service, 'moved_share', is_moved, has_affinity, connection_count, choice_count FROM flags
),
both_levels AS (
  SELECT run, service, measure, is_part, is_whole, connection_count, choice_count FROM parts WHERE service IS NOT NULL
  UNION ALL
  SELECT run, NULL, measure, is_part, is_whole, connection_count, choice_count FROM parts
),
counted AS (
  SELECT
    run,
    service,
    measure,
    COALESCE(CAST(SUM(CASE WHEN is_part AND is_whole THEN connection_count END) AS BIGINT), 0) AS part_count,
    CAST(SUM(connection_count) AS BIGINT) AS whole_count,
    CAST(SUM(choice_count) AS BIGINT) AS choice_count
  FROM both_levels
  WHERE is_whole
  GROUP BY run, service, measure
),
lines AS (
  SELECT
    run,
    COALESCE(CAST(SUM(rejected_count) AS BIGINT), 0) AS part_count,
    COALESCE(CAST(SUM(row_count) AS BIGINT), 0) AS whole_count
  FROM captures
  GROUP BY run
),
judged AS (
  SELECT run, service, 'p_value' AS measure, p_value AS value FROM verdicts WHERE p_value IS NOT NULL
  UNION ALL
  SELECT run, service, 'peak_ratio', peak_ratio FROM verdicts WHERE peak_ratio IS NOT NULL
  UNION ALL
  SELECT run, service, 'jain_index', jain_index FROM verdicts WHERE jain_index IS NOT NULL
),
every AS (
  SELECT
    run, service, measure, CAST(part_count AS DOUBLE) / whole_count AS value, part_count, whole_count, choice_count
  FROM counted
  WHERE whole_count > 0
  UNION ALL
  SELECT
    run, NULL, 'rejected_share', CAST(part_count AS DOUBLE) / whole_count, part_count, whole_count, whole_count
  FROM lines
  WHERE whole_count > 0
  UNION ALL
  SELECT run, service, measure, value, NULL, NULL, NULL FROM judged
  UNION ALL
  SELECT run, NULL, 'snat_ports_share', MAX(range_share), NULL, NULL, NULL FROM distribution_ports GROUP BY run
)
SELECT run, service, measure, value, part_count, whole_count, choice_count
FROM every
ORDER BY run NULLS LAST, CASE WHEN service IS NULL THEN 0 ELSE 1 END, service NULLS LAST, measure NULLS LAST
