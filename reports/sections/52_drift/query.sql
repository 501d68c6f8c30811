SELECT service, node, difference, kind AS differs_in, value AS what, chain
FROM rule_drifts
ORDER BY
  service NULLS LAST, node NULLS LAST, difference NULLS LAST, kind NULLS LAST, value NULLS LAST, chain NULLS LAST
