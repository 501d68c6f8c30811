-- about: Part of a whole, 0 to 1; NULL where the whole is nothing.
-- parameters: part, whole
CAST(part AS DOUBLE) / NULLIF(whole, 0)
