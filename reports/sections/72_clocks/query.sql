SELECT
  node,
  other_node,
  CAST(offset_us AS DOUBLE) / 1000000 AS offset_s,
  CAST(spread_us AS DOUBLE) / 1000000 AS spread_s,
  CAST(round_trip_us AS DOUBLE) / 1000000 AS round_trip_s,
  sample_count
FROM clock_offsets
ORDER BY abs(offset_us) DESC NULLS LAST, node NULLS LAST, other_node NULLS LAST
