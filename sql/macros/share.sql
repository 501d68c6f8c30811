-- about: A part divided by its whole, 0 to 1; NULL where the whole is 0.
-- parameters: part, whole
CAST(part AS DOUBLE) / NULLIF(whole, 0)
