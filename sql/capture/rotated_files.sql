-- about: One row per file and interface of a rotated capture (`tshark -b`): files of one node and interface, each
-- about: beginning at most one second after the one before ends. Files of one series have one number; a file that
-- about: belongs to no series has no row.
-- grain: input file and interface
-- key: node, interface, capture_id
-- store: no
WITH files AS (
  SELECT node, interface, capture_id, MIN(start_us) AS first_us, MAX(end_us) AS last_us
  FROM conversations
  GROUP BY node, interface, capture_id
),
ordered AS (
  SELECT
    f.*,
    MAX(last_us) OVER (
      PARTITION BY node, interface
      ORDER BY first_us NULLS LAST, capture_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS previous_last_us
  FROM files AS f
),
series AS (
  SELECT
    node, interface, capture_id,
    SUM(CASE WHEN first_us >= previous_last_us AND first_us <= previous_last_us + 1000000 THEN 0 ELSE 1 END) OVER (
      PARTITION BY node, interface
      ORDER BY first_us NULLS LAST, capture_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS series_number
  FROM ordered
),
counted AS (
  SELECT s.*, COUNT(*) OVER (PARTITION BY node, interface, series_number) AS file_count FROM series AS s
)
SELECT node, interface, capture_id, series_number FROM counted WHERE file_count > 1
