-- about: The start of the time bucket, `width_s` seconds wide, that a time is in; wrap it in utc() to read it.
-- parameters: at_us, width_s
CAST(floor(CAST(at_us AS DOUBLE) / (width_s * 1000000)) AS BIGINT) * CAST(width_s * 1000000 AS BIGINT)
