-- about: One row per rewritten source address, endpoint and time bucket: source ports in use over time, in the buckets
-- about: of `distribution_times`.
-- about: Only the twenty address and endpoint pairs of `distribution_ports` with the most ports are followed. Method: a
-- about: running sum of +1 when a port is taken and -1 when it is free again.
-- grain: rewritten source address, endpoint and time bucket
-- key: snat_ip, protocol, pod_ip, pod_port, bucket_us
-- column: snat_ip VARCHAR Address that replaces the client's.
-- column: protocol VARCHAR tcp, udp or sctp.
-- column: pod_ip VARCHAR Address of the endpoint.
-- column: pod_port INTEGER Port of the endpoint.
-- column: bucket_us BIGINT Begin of the bucket.
-- column: width_us BIGINT Width of the buckets, as in `distribution_times`.
-- column: held_count BIGINT Ports in use at the end of the bucket.
WITH digits AS (
  SELECT n FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS d (n)
),
time_span AS (
  SELECT MIN(bucket_us) AS first_us, MAX(bucket_us) AS last_us, MAX(width_us) AS width_us FROM distribution_times
),
buckets AS (
  SELECT s.first_us + (a.n + 10 * b.n + 100 * c.n) * s.width_us AS bucket_us
  FROM time_span AS s
  CROSS JOIN digits AS a
  CROSS JOIN digits AS b
  CROSS JOIN digits AS c
  WHERE s.first_us + (a.n + 10 * b.n + 100 * c.n) * s.width_us <= s.last_us
),
ranked_pairs AS (
  SELECT
    snat_ip, protocol, pod_ip, pod_port,
    ROW_NUMBER() OVER (
      ORDER BY held_count DESC NULLS LAST, snat_ip NULLS LAST, pod_ip NULLS LAST, pod_port NULLS LAST, protocol NULLS LAST
    ) AS position
  FROM distribution_ports
),
top_pairs AS (
  SELECT snat_ip, protocol, pod_ip, pod_port FROM ranked_pairs WHERE position <= 20
),
held_ports AS (
  SELECT
    c.snat_ip, c.protocol, c.pod_ip, c.pod_port, s.corrected_start_us AS taken_us,
    s.corrected_start_us + c.end_us - c.start_us + CASE WHEN c.protocol = 'tcp' THEN 120000000 ELSE 30000000 END AS free_us
  FROM connections AS c
  INNER JOIN top_pairs AS w
    ON w.snat_ip = c.snat_ip AND w.protocol = c.protocol AND w.pod_ip = c.pod_ip AND w.pod_port = c.pod_port
  INNER JOIN connection_starts AS s ON s.connection_id = c.connection_id
  WHERE c.source_nat AND c.start_us IS NOT NULL AND c.end_us IS NOT NULL
),
changes AS (
  SELECT snat_ip, protocol, pod_ip, pod_port, taken_us AS at_us, 1 AS step_count FROM held_ports
  UNION ALL
  SELECT snat_ip, protocol, pod_ip, pod_port, free_us, -1 FROM held_ports
),
steps AS (
  SELECT
    c.snat_ip, c.protocol, c.pod_ip, c.pod_port,
    CAST(floor(CAST(c.at_us AS DOUBLE) / s.width_us) AS BIGINT) * s.width_us AS bucket_us,
    c.step_count
  FROM changes AS c
  CROSS JOIN time_span AS s
  WHERE c.at_us < s.last_us + s.width_us
  UNION ALL
  SELECT w.snat_ip, w.protocol, w.pod_ip, w.pod_port, b.bucket_us, 0
  FROM top_pairs AS w
  CROSS JOIN buckets AS b
),
bucket_changes AS (
  SELECT snat_ip, protocol, pod_ip, pod_port, bucket_us, CAST(SUM(step_count) AS BIGINT) AS step_count
  FROM steps
  GROUP BY snat_ip, protocol, pod_ip, pod_port, bucket_us
)
SELECT
  t.snat_ip, t.protocol, t.pod_ip, t.pod_port, t.bucket_us, s.width_us,
  CAST(SUM(t.step_count) OVER (
    PARTITION BY t.snat_ip, t.protocol, t.pod_ip, t.pod_port ORDER BY t.bucket_us NULLS LAST
  ) AS BIGINT) AS held_count
FROM bucket_changes AS t
CROSS JOIN time_span AS s
