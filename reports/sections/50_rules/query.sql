SELECT
  service,
  dst_ip || ':' || CAST(dst_port AS VARCHAR) || '/' || protocol AS dialled,
  node,
  source,
  verdict,
  endpoint_ip || ':' || CAST(endpoint_port AS VARCHAR) AS endpoint,
  probability AS rule_share,
  source_nat,
  chain,
  uncertain_because
FROM decisions
WHERE service IS NOT NULL
ORDER BY
  service NULLS LAST,
  dst_ip NULLS LAST,
  dst_port NULLS LAST,
  protocol NULLS LAST,
  node NULLS LAST,
  source_class NULLS LAST,
  endpoint_ip NULLS LAST,
  endpoint_port NULLS LAST
