-- about: Halves of UDP conversations that two minutes of silence or more came before, and how many such silences: connection
-- about: tracking forgets a conversation then, so that what follows is another one.
-- grain: half of a conversation after a silence
-- key: first_line
-- stage: ingest
-- store: no
WITH ends AS (
  SELECT
    h.medium, h.segment, h.first_line, h.start_us, h.end_us,
    LEAST(h.src, h.dst) AS one_socket,
    GREATEST(h.src, h.dst) AS other_socket
  FROM unidirectional_flows AS h
  INNER JOIN texts AS p ON p.number = h.medium % 4294967296
  WHERE p.text = 'udp'
),
paused AS (
  SELECT
    e.*,
    MAX(end_us) OVER (
      PARTITION BY medium, one_socket, other_socket, segment
      ORDER BY start_us NULLS LAST, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before_us
  FROM ends AS e
),
parts AS (
  SELECT
    first_line,
    SUM(CASE WHEN start_us > before_us + 120000000 THEN 1 ELSE 0 END) OVER (
      PARTITION BY medium, one_socket, other_socket, segment
      ORDER BY start_us NULLS LAST, first_line
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS part
  FROM paused
)
SELECT first_line, CAST(part AS BIGINT) AS part
FROM parts
WHERE part > 0
