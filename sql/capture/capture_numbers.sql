-- about: Captures numbered, so that a conversation has a number too: that of its capture times 2^40, plus its first line.
-- grain: input file
-- key: capture_id
-- store: no
SELECT capture_id, ROW_NUMBER() OVER (ORDER BY capture_id NULLS LAST) AS capture_number
FROM captures
WHERE kind = 'packets'
