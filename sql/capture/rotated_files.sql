-- about: Files of one rotated capture: files of one node and interface, each beginning within a second after the one before
-- about: it ends. Those of a series have one number; a file that is no part of any is left out.
-- grain: input file and interface
-- key: node, interface, capture_id
-- store: no
WITH files AS (
  SELECT node, interface, capture_id, MIN(start_us) AS first_us, MAX(end_us) AS last_us
  FROM conversations
  GROUP BY node, interface, capture_id
),
followed AS (
  SELECT
    f.*,
    MAX(last_us) OVER (
      PARTITION BY node, interface
      ORDER BY first_us NULLS LAST, capture_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before_us
  FROM files AS f
),
series AS (
  SELECT
    node, interface, capture_id,
    SUM(CASE WHEN first_us >= before_us AND first_us <= before_us + 1000000 THEN 0 ELSE 1 END) OVER (
      PARTITION BY node, interface
      ORDER BY first_us NULLS LAST, capture_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS chain
  FROM followed
),
counted AS (
  SELECT s.*, COUNT(*) OVER (PARTITION BY node, interface, chain) AS file_count FROM series AS s
)
SELECT node, interface, capture_id, chain FROM counted WHERE file_count > 1
