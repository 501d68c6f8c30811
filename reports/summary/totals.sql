-- The run in one row. Shares of forwarding rest on hop and source_nat, never on label.
WITH inputs AS (
  SELECT
    COUNT(*) AS file_count,
    COUNT(DISTINCT node) AS node_count,
    COALESCE(CAST(SUM(row_count) AS BIGINT), 0) AS row_count,
    COALESCE(CAST(SUM(rejected_count) AS BIGINT), 0) AS rejected_count,
    COALESCE(CAST(SUM(CASE WHEN kind = 'packets' THEN kept_count END) AS BIGINT), 0) AS packet_count,
    MIN(first_us) AS first_us,
    MAX(last_us) AS last_us
  FROM captures
),
flags AS (
  SELECT
    connection_count,
    label = 'unlabelled' AS is_unlabelled,
    service IS NOT NULL AS has_service,
    COALESCE(hop = 'forwarded', FALSE) AS is_forwarded,
    COALESCE(hop IN ('local', 'forwarded'), FALSE) AS has_hop,
    COALESCE(hop = 'unknown', FALSE) AS is_hop_unknown,
    COALESCE(hop = 'unknown' OR (hop IN ('local', 'forwarded') AND source_nat IS NULL), FALSE) AS is_source_nat_unknown,
    COALESCE(hop IN ('local', 'forwarded') AND NOT source_nat, FALSE) AS keeps_client,
    COALESCE(hop IN ('local', 'forwarded') AND source_nat IS NOT NULL, FALSE) AS has_source_nat,
    COALESCE(affinity = 'pinned', FALSE) AS is_pinned,
    COALESCE(affinity NOT IN ('none', 'unknown', 'hidden'), FALSE) AS has_affinity,
    COALESCE(evidence = 'assumed', FALSE) AS is_assumed
  FROM distribution_labels
),
counted AS (
  SELECT
    COALESCE(CAST(SUM(connection_count) AS BIGINT), 0) AS connection_count,
    COALESCE(CAST(SUM(CASE WHEN is_unlabelled THEN connection_count END) AS BIGINT), 0) AS unlabelled_count,
    COALESCE(CAST(SUM(CASE WHEN has_service THEN connection_count END) AS BIGINT), 0) AS service_connection_count,
    COALESCE(CAST(SUM(CASE WHEN is_forwarded THEN connection_count END) AS BIGINT), 0) AS forwarded_count,
    COALESCE(CAST(SUM(CASE WHEN has_hop THEN connection_count END) AS BIGINT), 0) AS hop_count,
    COALESCE(CAST(SUM(CASE WHEN is_hop_unknown THEN connection_count END) AS BIGINT), 0) AS hop_unknown_count,
    COALESCE(CAST(SUM(CASE WHEN keeps_client THEN connection_count END) AS BIGINT), 0) AS client_kept_count,
    COALESCE(CAST(SUM(CASE WHEN has_source_nat THEN connection_count END) AS BIGINT), 0) AS source_nat_known_count,
    COALESCE(CAST(SUM(CASE WHEN is_source_nat_unknown THEN connection_count END) AS BIGINT), 0) AS source_nat_unknown_count,
    COALESCE(CAST(SUM(CASE WHEN is_pinned THEN connection_count END) AS BIGINT), 0) AS pinned_count,
    COALESCE(CAST(SUM(CASE WHEN has_affinity THEN connection_count END) AS BIGINT), 0) AS affinity_count,
    COALESCE(CAST(SUM(CASE WHEN is_assumed THEN connection_count END) AS BIGINT), 0) AS assumed_count
  FROM flags
)
SELECT i.*, c.*
FROM inputs AS i
CROSS JOIN counted AS c
