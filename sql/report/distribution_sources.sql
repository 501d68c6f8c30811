-- about: One row per service, group of clients, ingress and pod. A group is a network of 256 addresses (IPv6: a /32),
-- about: the pods, or the nodes; networks beyond the fifty largest are one group.
-- about: `client_group` is NULL if the client is not known.
-- grain: service, group of clients, ingress and pod
-- key: service, client_group, entered_at, served_by
-- column: service VARCHAR namespace/name.
-- column: client_group VARCHAR Network of the client (/24, IPv6 /32), `pods`, `nodes`, or `other networks`; NULL if it is not known.
-- column: entered_at VARCHAR As in `distribution_paths`.
-- column: served_by VARCHAR As in `distribution_paths`; if only the pod's node is known, the pods of that node.
-- column: connection_count BIGINT Connections.
-- column: client_count BIGINT Clients, each address once.
-- column: request_count BIGINT HTTP requests; NULL if the export does not show them.
-- column: byte_count BIGINT Bytes of the anchor flows, both directions.
WITH known_clients AS (
  SELECT
    c.service, c.client_ip, c.byte_count, c.request_count,
    COALESCE(c.ingress_node, c.snat_ip) AS entered_at,
    COALESCE(c.pod, c.pod_ip, 'pods on ' || c.pod_node) AS served_by,
    CASE
      WHEN a.owner_node IS NOT NULL THEN 'nodes'
      WHEN a.in_pod_range THEN 'pods'
      WHEN c.client_ip LIKE '%:%' THEN REGEXP_EXTRACT(c.client_ip, '^([0-9a-f]*(:[0-9a-f]+)?)', 1) || '::/32'
      WHEN c.client_ip IS NOT NULL THEN REGEXP_EXTRACT(c.client_ip, '^([0-9]+[.][0-9]+[.][0-9]+)', 1) || '.0/24'
    END AS network
  FROM connections AS c
  LEFT JOIN addresses AS a ON a.ip = c.client_ip
  WHERE c.service IS NOT NULL
),
network_sizes AS (
  SELECT network, COUNT(*) AS connection_count FROM known_clients WHERE network IS NOT NULL GROUP BY network
),
ranked_networks AS (
  SELECT network, ROW_NUMBER() OVER (ORDER BY connection_count DESC NULLS LAST, network NULLS LAST) AS position FROM network_sizes
),
with_groups AS (
  SELECT
    k.service, k.client_ip, k.byte_count, k.request_count, k.entered_at, k.served_by,
    CASE WHEN r.position > 50 THEN 'other networks' ELSE k.network END AS client_group
  FROM known_clients AS k
  LEFT JOIN ranked_networks AS r ON r.network = k.network
)
SELECT
  service,
  client_group,
  entered_at,
  served_by,
  COUNT(*) AS connection_count,
  COUNT(DISTINCT client_ip) AS client_count,
  CAST(SUM(request_count) AS BIGINT) AS request_count,
  CAST(SUM(byte_count) AS BIGINT) AS byte_count
FROM with_groups
GROUP BY service, client_group, entered_at, served_by
