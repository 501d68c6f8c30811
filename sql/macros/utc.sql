-- about: A time of the tables (microseconds since 1970 UTC) as one to read.
-- parameters: at_us
make_timestamp(CAST(at_us AS BIGINT))
