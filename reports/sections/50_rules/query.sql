WITH seen AS (
  SELECT service, CAST(SUM(connection_count) AS BIGINT) AS connection_count
  FROM distribution_labels
  GROUP BY service
),
outcomes AS (
  SELECT
    service,
    dst_ip || ':' || CAST(dst_port AS VARCHAR) || '/' || protocol AS dialled,
    node,
    endpoint_ip || ':' || CAST(endpoint_port AS VARCHAR) AS endpoint,
    probability,
    source_nat,
    affinity_s,
    verdict,
    chain,
    uncertain_because,
    MIN(source) AS one_source,
    COUNT(*) AS source_count
  FROM decisions
  WHERE service IS NOT NULL
  GROUP BY
    service, dst_ip, dst_port, protocol, node, endpoint_ip, endpoint_port, probability, source_nat, affinity_s, verdict,
    chain, uncertain_because
)
SELECT
  o.service,
  o.node,
  o.endpoint,
  o.probability AS rule_share,
  o.dialled || ' from ' || CASE
    WHEN o.source_count = 1 THEN o.one_source
    ELSE o.one_source || ' and ' || CAST(o.source_count - 1 AS VARCHAR) || ' more'
  END AS dialled_from,
  s.connection_count AS service_connection_count,
  o.source_nat,
  o.affinity_s,
  o.verdict,
  o.chain,
  o.uncertain_because
FROM outcomes AS o
LEFT JOIN seen AS s ON s.service = o.service
ORDER BY
  s.connection_count DESC NULLS LAST,
  o.service NULLS LAST,
  o.dialled NULLS LAST,
  o.node NULLS LAST,
  o.endpoint NULLS LAST,
  o.probability DESC NULLS LAST,
  o.source_nat NULLS LAST,
  o.affinity_s NULLS LAST,
  o.verdict NULLS LAST,
  o.chain NULLS LAST,
  o.uncertain_because NULLS LAST,
  o.one_source NULLS LAST
