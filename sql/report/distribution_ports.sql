-- about: One row per rewritten source address and endpoint: the most source ports in use at once, of those that there
-- about: are. Towards one endpoint each connection needs another port, so new connections fail when they run out. There
-- about: are 64,512 ports (from 1024 up), or as many as the node's masquerade rule gives (`--to-ports`), if the ports
-- about: seen lie within. A TCP connection holds its port for 120 seconds after its last packet, any other for 30:
-- about: Linux's own timeouts.
-- about: Method: a running sum of +1 when a port is taken and -1 when it is free again; its maximum is the peak.
-- grain: rewritten source address and endpoint
-- key: snat_ip, protocol, pod_ip, pod_port
-- column: snat_ip VARCHAR Address that replaces the client's.
-- column: protocol VARCHAR tcp, udp or sctp.
-- column: pod_ip VARCHAR Address of the endpoint.
-- column: pod_port INTEGER Port of the endpoint.
-- column: pod VARCHAR namespace/name of its pod; NULL if not known.
-- column: service VARCHAR namespace/name; NULL if not known, or several.
-- column: node VARCHAR Node that rewrites the source; NULL if not known.
-- column: connection_count BIGINT Connections.
-- column: held_count BIGINT Most ports in use at once.
-- column: least_port INTEGER The lowest port seen.
-- column: most_port INTEGER The highest port seen.
-- column: range_count BIGINT Ports that can be used: 64,512, or as many as the node's rules give.
-- column: range_share DOUBLE `held_count` as a share of these.
-- column: peak_us BIGINT When `held_count` was first reached.
WITH held_ports AS (
  SELECT
    snat_ip, snat_port, protocol, pod_ip, pod_port, pod, service, ingress_node, start_us,
    end_us + CASE WHEN protocol = 'tcp' THEN 120000000 ELSE 30000000 END AS free_us
  FROM connections
  WHERE source_nat AND snat_ip IS NOT NULL AND pod_ip IS NOT NULL AND start_us IS NOT NULL AND end_us IS NOT NULL
),
pools AS (
  SELECT snat_ip, protocol, pod_ip, pod_port, ROW_NUMBER() OVER (ORDER BY snat_ip, protocol, pod_ip, pod_port) AS pool
  FROM held_ports
  GROUP BY snat_ip, protocol, pod_ip, pod_port
),
pool_spans AS (
  SELECT p.pool, h.start_us, h.free_us
  FROM held_ports AS h
  INNER JOIN pools AS p
    ON p.snat_ip = h.snat_ip AND p.protocol = h.protocol AND p.pod_ip = h.pod_ip AND p.pod_port = h.pod_port
),
last_start AS (
  SELECT MAX(start_us) AS last_us FROM pool_spans
),
changes AS (
  SELECT pool, start_us AS at_us, 1 AS step_count FROM pool_spans
  UNION ALL
  SELECT s.pool, s.free_us, -1 FROM pool_spans AS s INNER JOIN last_start AS l ON l.last_us >= s.free_us
),
levels AS (
  SELECT
    pool, at_us,
    CAST(SUM(step_count) OVER (
      PARTITION BY pool ORDER BY at_us NULLS LAST RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS BIGINT) AS held_count
  FROM changes
),
peaks AS (
  SELECT pool, MAX(held_count) AS held_count FROM levels GROUP BY pool
),
first_peaks AS (
  SELECT l.pool, l.held_count, MIN(l.at_us) AS at_us
  FROM levels AS l
  INNER JOIN peaks AS k ON k.pool = l.pool AND k.held_count = l.held_count
  GROUP BY l.pool, l.held_count
),
per_endpoint AS (
  SELECT
    snat_ip, protocol, pod_ip, pod_port,
    CASE WHEN COUNT(DISTINCT pod) = 1 THEN MIN(pod) END AS pod,
    CASE WHEN COUNT(DISTINCT service) = 1 THEN MIN(service) END AS service,
    CASE WHEN COUNT(DISTINCT ingress_node) = 1 THEN MIN(ingress_node) END AS node,
    MIN(snat_port) AS least_port,
    MAX(snat_port) AS most_port,
    COUNT(*) AS connection_count
  FROM held_ports
  GROUP BY snat_ip, protocol, pod_ip, pod_port
),
masquerade_ranges AS (
  SELECT
    node,
    CAST(REGEXP_EXTRACT(text, '--to-ports ([0-9]+)-([0-9]+)', 1) AS BIGINT) AS first_port,
    CAST(REGEXP_EXTRACT(text, '--to-ports ([0-9]+)-([0-9]+)', 2) AS BIGINT) AS last_port
  FROM rules
  WHERE table_name = 'nat' AND chain = 'KUBE-POSTROUTING' AND target = 'MASQUERADE' AND text LIKE '%--to-ports %-%'
),
node_ranges AS (
  SELECT node, MIN(first_port) AS first_port, MIN(last_port) AS last_port
  FROM masquerade_ranges
  GROUP BY node
  HAVING MIN(first_port) = MAX(first_port) AND MIN(last_port) = MAX(last_port)
),
with_range_sizes AS (
  SELECT
    o.*,
    COALESCE(CASE WHEN o.least_port >= g.first_port AND o.most_port <= g.last_port
      THEN g.last_port - g.first_port + 1 END, 64512) AS range_count
  FROM per_endpoint AS o
  LEFT JOIN node_ranges AS g ON g.node = o.node
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
  o.least_port,
  o.most_port,
  o.range_count,
  CAST(r.held_count AS DOUBLE) / o.range_count AS range_share,
  r.at_us AS peak_us
FROM with_range_sizes AS o
INNER JOIN pools AS p
  ON p.snat_ip = o.snat_ip AND p.protocol = o.protocol AND p.pod_ip = o.pod_ip AND p.pod_port = o.pod_port
INNER JOIN first_peaks AS r ON r.pool = p.pool
