-- about: A time of the tables (microseconds since 1970 UTC) as a timestamp.
-- parameters: at_us
make_timestamp(CAST(at_us AS BIGINT))
