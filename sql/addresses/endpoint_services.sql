-- about: Services that an endpoint serves, from the rules and from the objects; whether any of them rewrites sources:
-- about: by its decision, or by a masquerade mark where the dump does not show the chain that acts on marks.
-- grain: endpoint
-- key: protocol, ip, port
-- store: no
WITH marked AS (
  SELECT DISTINCT trace_id FROM trace_steps WHERE text LIKE '%KUBE-MARK-MASQ%'
),
claims AS (
  SELECT
    d.protocol, d.endpoint_ip AS ip, d.endpoint_port AS port, d.service, d.service_port, d.affinity_s,
    COALESCE(d.source_nat, m.trace_id IS NOT NULL) AS source_nat
  FROM decisions AS d
  LEFT JOIN marked AS m ON m.trace_id = d.trace_id
  WHERE d.endpoint_ip IS NOT NULL
  UNION ALL
  SELECT e.protocol, e.ip, e.port, e.service, NULL AS service_port, NULLIF(v.max_affinity_s, 0), NULL AS source_nat
  FROM endpoints AS e
  LEFT JOIN service_affinity AS v ON v.service = e.service
)
SELECT
  protocol, ip, port,
  COUNT(DISTINCT service) AS service_count,
  CASE WHEN COUNT(DISTINCT service) = 1 THEN MIN(service) END AS service,
  CASE WHEN COUNT(DISTINCT service) = 1 AND COUNT(DISTINCT service_port) = 1 THEN MIN(service_port) END AS service_port,
  ARRAY_TO_STRING(LIST_SORT(LIST(DISTINCT service)), ', ') AS services,
  COALESCE(BOOL_OR(source_nat), FALSE) AS rewrites_sources,
  COUNT(affinity_s) > 0 AS has_client_affinity
FROM claims
WHERE ip IS NOT NULL AND port IS NOT NULL
GROUP BY protocol, ip, port
