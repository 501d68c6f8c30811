SELECT file, sha256, file_bytes
FROM captures
ORDER BY file NULLS LAST, sha256 NULLS LAST
