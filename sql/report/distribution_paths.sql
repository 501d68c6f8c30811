-- about: One row per service and path: where connections entered, which pod served them, and how much they carried. If
-- about: the ingress node's name is not known, the address that it rewrote clients to is shown instead.
-- grain: service, ingress and pod
-- key: service, entered_at, served_by, pod_node, hop
-- column: service VARCHAR namespace/name; NULL if not known.
-- column: entered_at VARCHAR Ingress node; if its name is not known, the address that it rewrote clients to; NULL if neither is known.
-- column: served_by VARCHAR namespace/name of the pod; if its name is not known, its address; NULL if neither is known.
-- column: pod_node VARCHAR Node of the pod.
-- column: hop VARCHAR As in `connections`.
-- column: connection_count BIGINT Connections.
-- column: request_count BIGINT HTTP requests; NULL if the export does not show them.
-- column: byte_count BIGINT Bytes of the anchor flows, both directions.
WITH paths AS (
  SELECT
    service,
    COALESCE(ingress_node, snat_ip) AS entered_at,
    COALESCE(pod, pod_ip) AS served_by,
    pod_node,
    hop,
    byte_count,
    request_count
  FROM connections
  WHERE service IS NOT NULL OR hop IN ('local', 'forwarded')
)
SELECT
  service,
  entered_at,
  served_by,
  pod_node,
  hop,
  COUNT(*) AS connection_count,
  CAST(SUM(request_count) AS BIGINT) AS request_count,
  CAST(SUM(byte_count) AS BIGINT) AS byte_count
FROM paths
GROUP BY service, entered_at, served_by, pod_node, hop
