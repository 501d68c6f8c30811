-- about: One row per input file with packets: its number, in the order of `capture_id`. It makes the number of a
-- about: conversation (`flow_number`) unique in a run: the number of its capture times 2^40, plus its first line.
-- about: 2^40 = 1099511627776 is more than the lines of any file. So `flow_number // 2^40` is the number of the capture, and
-- about: `flow_number % 2^40` is the first line.
-- grain: input file
-- key: capture_id
-- store: no
SELECT capture_id, ROW_NUMBER() OVER (ORDER BY capture_id NULLS LAST) AS capture_number
FROM captures
WHERE kind = 'packets'
