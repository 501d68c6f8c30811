WITH seen AS (
  SELECT service, CAST(SUM(connection_count) AS BIGINT) AS connection_count
  FROM distribution_labels
  GROUP BY service
)
SELECT
  d.service,
  d.dst_ip || ':' || CAST(d.dst_port AS VARCHAR) || '/' || d.protocol AS dialled,
  d.node,
  d.source,
  d.verdict,
  d.endpoint_ip || ':' || CAST(d.endpoint_port AS VARCHAR) AS endpoint,
  d.probability AS rule_share,
  d.source_nat,
  d.affinity_s,
  d.chain,
  d.uncertain_because
FROM decisions AS d
LEFT JOIN seen AS s ON s.service = d.service
WHERE d.service IS NOT NULL
ORDER BY
  s.connection_count DESC NULLS LAST,
  d.service NULLS LAST,
  d.dst_ip NULLS LAST,
  d.dst_port NULLS LAST,
  d.protocol NULLS LAST,
  d.node NULLS LAST,
  d.source_class NULLS LAST,
  d.endpoint_ip NULLS LAST,
  d.endpoint_port NULLS LAST
