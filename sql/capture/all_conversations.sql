-- about: One row per conversation at one vantage, with its number. Parts that a rotated capture cut apart are joined.
-- about: The columns of `rotated_conversations` are those of `conversations`, in their order: a test compares them.
-- grain: conversation at one vantage
-- key: flow_number
-- store: view
SELECT n.capture_number * 1099511627776 + c.first_line AS flow_number, c.*
FROM conversations AS c
INNER JOIN capture_numbers AS n ON n.capture_id = c.capture_id
LEFT JOIN rotated_files AS r
  ON r.capture_id = c.capture_id AND r.node = c.node AND r.interface IS NOT DISTINCT FROM c.interface
WHERE r.series_number IS NULL
UNION ALL
SELECT * FROM rotated_conversations
