-- about: What only labelling finds, as rows of `findings`: witnesses that disagree, and what is wrong with a capture as a whole.
-- grain: thing worth knowing
-- key: finding, node, file, message
-- store: no
SELECT finding, severity, node, file, line_number, message, remedy FROM disagreements
UNION ALL
SELECT finding, severity, node, file, line_number, message, remedy FROM capture_findings
