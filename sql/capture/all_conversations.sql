-- about: One row per conversation at one vantage, with its number. Parts that a rotated capture cut apart are joined.
-- about: UNION ALL matches columns by position: `rotated_conversations` has the columns of `conversations`
-- about: (pipeline/schema/inputs.py) in the same order. A test compares them.
-- grain: conversation at one vantage
-- key: flow_number
-- store: view
-- times 2^40: see capture_numbers
SELECT n.capture_number * 1099511627776 + c.first_line AS flow_number, c.*
FROM conversations AS c
INNER JOIN capture_numbers AS n ON n.capture_id = c.capture_id
LEFT JOIN rotated_files AS r
  ON r.capture_id = c.capture_id AND r.node = c.node AND r.interface IS NOT DISTINCT FROM c.interface
WHERE r.series_number IS NULL
UNION ALL
SELECT j.flow_number, j.* EXCLUDE (flow_number) FROM rotated_conversations AS j
