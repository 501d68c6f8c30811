SELECT file, line_number, reason, SUBSTR(text, 1, 200) AS text
FROM rejects
ORDER BY file NULLS LAST, line_number NULLS LAST, reason NULLS LAST
