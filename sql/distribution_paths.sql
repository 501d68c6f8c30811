-- about: Which way connections to services went: where they entered, who served them, and how much they carried.
-- about: Where the node's name is not known, the address that it rewrote clients to stands for it.
-- grain: service, way in and pod
-- key: service, entered_at, served_by, pod_node, hop
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
