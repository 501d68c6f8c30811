-- about: One row per service, ingress and reason, for connections without a label.
-- grain: service, ingress and reason
-- key: service, entered_at, reason
-- column: service VARCHAR namespace/name; NULL if not known.
-- column: entered_at VARCHAR As in `distribution_paths`.
-- column: reason VARCHAR Why they are unlabelled.
-- column: connection_count BIGINT Connections.
WITH unlabelled_connections AS (
  SELECT service, COALESCE(ingress_node, snat_ip) AS entered_at, reason
  FROM connections
  WHERE label = 'unlabelled'
)
SELECT
  service,
  entered_at,
  reason,
  COUNT(*) AS connection_count
FROM unlabelled_connections
GROUP BY service, entered_at, reason
