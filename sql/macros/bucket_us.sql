-- about: Begin of the time bucket, so many seconds wide, that a time lies in; wrap it in utc() to read it.
-- parameters: at_us, width_s
CAST(floor(CAST(at_us AS DOUBLE) / (width_s * 1000000)) AS BIGINT) * CAST(width_s * 1000000 AS BIGINT)
