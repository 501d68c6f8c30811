-- about: Where clients were, the node they entered at and the pod that served them. A client's group is its network of 256 addresses
-- about: (IPv6: its /32), the pods, the nodes; the fifty largest networks are told apart. NULL: the client is not known.
-- grain: service, clients' group, way in and pod
-- key: service, client_group, entered_at, served_by
-- column: service VARCHAR namespace/name.
-- column: client_group VARCHAR Network of the client (/24, IPv6 /32), `pods`, `nodes`, or `other networks`; NULL if it is not known.
-- column: entered_at VARCHAR As in `distribution_paths`.
-- column: served_by VARCHAR As in `distribution_paths`, or the pods of a node where which of them it was is not known.
-- column: connection_count BIGINT Connections.
-- column: client_count BIGINT Clients, each address once.
-- column: request_count BIGINT HTTP requests, where the export says so.
-- column: byte_count BIGINT Bytes of the anchor flows, both directions.
WITH known AS (
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
sizes AS (
  SELECT network, COUNT(*) AS connection_count FROM known WHERE network IS NOT NULL GROUP BY network
),
ranked AS (
  SELECT network, ROW_NUMBER() OVER (ORDER BY connection_count DESC NULLS LAST, network NULLS LAST) AS place FROM sizes
),
grouped AS (
  SELECT
    k.service, k.client_ip, k.byte_count, k.request_count, k.entered_at, k.served_by,
    CASE WHEN r.place > 50 THEN 'other networks' ELSE k.network END AS client_group
  FROM known AS k
  LEFT JOIN ranked AS r ON r.network = k.network
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
FROM grouped
GROUP BY service, client_group, entered_at, served_by
