SELECT file, line_number, reason, text
FROM rejects
ORDER BY file NULLS LAST, line_number NULLS LAST, reason NULLS LAST
