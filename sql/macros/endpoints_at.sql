-- about: Endpoints of Services at one time, in microseconds since 1970 UTC.
-- parameters: at_us
SELECT *
FROM endpoints
WHERE COALESCE(valid_from_us <= at_us, TRUE) AND COALESCE(at_us < valid_to_us, TRUE)
