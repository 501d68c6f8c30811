-- about: Ports that a node address held at once towards one endpoint, at the most: each has to be another, of 64,512. A TCP
-- about: connection is taken to hold its port for 120 seconds after its last packet, any other for 30: Linux's own times.
-- grain: rewritten source address and endpoint
-- key: snat_ip, protocol, pod_ip, pod_port
WITH held AS (
  SELECT
    snat_ip, protocol, pod_ip, pod_port, pod, service, ingress_node, start_us,
    end_us + CASE WHEN protocol = 'tcp' THEN 120000000 ELSE 30000000 END AS free_us
  FROM connections
  WHERE source_nat AND snat_ip IS NOT NULL AND pod_ip IS NOT NULL AND start_us IS NOT NULL AND end_us IS NOT NULL
),
changes AS (
  SELECT snat_ip, protocol, pod_ip, pod_port, start_us AS at_us, 1 AS step_count FROM held
  UNION ALL
  SELECT snat_ip, protocol, pod_ip, pod_port, free_us, -1 FROM held
),
moments AS (
  SELECT snat_ip, protocol, pod_ip, pod_port, at_us, CAST(SUM(step_count) AS BIGINT) AS step_count
  FROM changes
  GROUP BY snat_ip, protocol, pod_ip, pod_port, at_us
),
levels AS (
  SELECT
    snat_ip, protocol, pod_ip, pod_port, at_us,
    CAST(SUM(step_count) OVER (
      PARTITION BY snat_ip, protocol, pod_ip, pod_port ORDER BY at_us NULLS LAST
    ) AS BIGINT) AS held_count
  FROM moments
),
ranked AS (
  SELECT
    l.*,
    ROW_NUMBER() OVER (
      PARTITION BY snat_ip, protocol, pod_ip, pod_port ORDER BY held_count DESC NULLS LAST, at_us NULLS LAST
    ) AS place
  FROM levels AS l
),
owners AS (
  SELECT
    snat_ip, protocol, pod_ip, pod_port,
    CASE WHEN COUNT(DISTINCT pod) = 1 THEN MIN(pod) END AS pod,
    CASE WHEN COUNT(DISTINCT service) = 1 THEN MIN(service) END AS service,
    CASE WHEN COUNT(DISTINCT ingress_node) = 1 THEN MIN(ingress_node) END AS node,
    COUNT(*) AS connection_count
  FROM held
  GROUP BY snat_ip, protocol, pod_ip, pod_port
)
SELECT
  o.snat_ip,
  o.protocol,
  o.pod_ip,
  o.pod_port,
  o.pod,
  o.service,
  o.node,
  o.connection_count,
  r.held_count,
  CAST(r.held_count AS DOUBLE) / 64512 AS range_share,
  r.at_us AS peak_us
FROM owners AS o
INNER JOIN ranked AS r
  ON r.snat_ip = o.snat_ip AND r.protocol = o.protocol AND r.pod_ip = o.pod_ip
  AND r.pod_port = o.pod_port AND r.place = 1
