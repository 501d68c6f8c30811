-- about: One row per endpoint (protocol, address, port): the Services that it serves, by rules and by objects, and
-- about: whether one of them rewrites the source address. The decision shows that; where the dump lacks the chain that
-- about: acts on the netfilter mark, a jump to KUBE-MARK-MASQ does.
-- grain: endpoint
-- key: protocol, ip, port
-- store: no
WITH masquerading_traces AS (
  SELECT DISTINCT trace_id FROM trace_steps WHERE text LIKE '%KUBE-MARK-MASQ%'
),
claims AS (
  SELECT
    d.protocol, d.endpoint_ip AS ip, d.endpoint_port AS port, d.service, d.service_port, d.affinity_s,
    COALESCE(d.source_nat, m.trace_id IS NOT NULL) AS source_nat
  FROM decisions AS d
  LEFT JOIN masquerading_traces AS m ON m.trace_id = d.trace_id
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
