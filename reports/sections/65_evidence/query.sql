WITH counted AS (
  SELECT evidence, label, CAST(SUM(connection_count) AS BIGINT) AS connection_count
  FROM distribution_labels
  GROUP BY evidence, label
)
SELECT
  evidence,
  label,
  connection_count,
  CASE evidence
    WHEN 'conntrack' THEN 'A conntrack dump says so.'
    WHEN 'stitched' THEN 'Seen before and after translation, joined exactly.'
    WHEN 'rules' THEN 'The node''s rules allow only this outcome.'
    WHEN 'addresses' THEN 'Source and destination alone tell.'
    WHEN 'absence' THEN 'No leg to another node was captured where one would have been.'
    WHEN 'time' THEN 'Legs joined by time, unique within what the rules permit.'
    WHEN 'assumed' THEN 'A private source outside the pod range, taken for a node.'
    WHEN 'unknown' THEN 'Nothing tells.'
  END AS meaning
FROM counted
ORDER BY connection_count DESC NULLS LAST, evidence NULLS LAST, label NULLS LAST
