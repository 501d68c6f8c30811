-- about: What only labelling finds, as rows of `findings`: witnesses that disagree, clocks that are apart or were set meanwhile.
-- grain: thing worth knowing
-- key: finding, file, message
-- store: no
WITH sides AS (
  SELECT node, spread_us FROM clock_offsets
  UNION ALL
  SELECT other_node, spread_us FROM clock_offsets
),
wild AS (
  SELECT s.node, MIN(s.spread_us) AS spread_us
  FROM sides AS s
  LEFT JOIN clocks AS c ON c.node = s.node
  WHERE c.node IS NULL
  GROUP BY s.node
)
SELECT finding, severity, node, file, line_number, message, remedy FROM disagreements
UNION ALL
SELECT
  'clocks-apart', 'warning', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'the clock of ' || node || ' is ' || CAST(ROUND(CAST(abs(ahead_us) AS DOUBLE) / 1000000, 3) AS VARCHAR) || ' s '
    || CASE WHEN ahead_us > 0 THEN 'ahead of' ELSE 'behind' END || ' that of ' || middle_node,
  'corrected where times of two nodes are compared, not in the times shown; let all nodes follow one clock (chrony, ntpd)'
FROM clocks
WHERE abs(ahead_us) > 50000
UNION ALL
SELECT
  'clock-unsteady', 'warning', node, CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT),
  'the clock of ' || node || ' moved by ' || CAST(ROUND(CAST(spread_us AS DOUBLE) / 1000000, 3) AS VARCHAR)
    || ' s or more against those of other nodes while packets were captured',
  'its times are not compared with other nodes'' times; see `chronyc tracking` on it before the next capture'
FROM wild
