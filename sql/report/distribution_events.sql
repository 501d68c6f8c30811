-- about: One row per change between the run's first and last connection that may explain a skew: a pod's begin or end
-- about: by its object, a rule dump, an endpoint that was gone for a client, or the first or last time that a node's
-- about: rules chose a pod.
-- about: First and last choices are reported only if one class of the node's rules should have given the pod 20
-- about: connections more than it got before (or after), with every connection whose pod is not known counted as its
-- about: own. By chance (Poisson) that happens twice in a thousand million.
-- grain: event of a service, node and pod
-- key: event, service, node, pod, at_us
-- column: event VARCHAR first-chosen, last-chosen, pod-began, pod-ended, endpoint-gone or rules-dumped.
-- column: service VARCHAR namespace/name; NULL if the event concerns no single service.
-- column: node VARCHAR Node of the rules, pod or dump.
-- column: pod VARCHAR namespace/name of the pod, or its address.
-- column: at_us BIGINT Time of the event, by the reference clock.
-- column: connection_count BIGINT Connections for which this node chose other pods before (or after); for endpoint-gone, those whose endpoint was gone.
-- column: expected_choices DOUBLE How many of these the pod should have got, by its share in the whole run.
WITH span AS (
  SELECT MIN(corrected_start_us) AS first_us, MAX(corrected_start_us) AS last_us FROM connection_starts
),
choices AS (
  SELECT
    service, ingress_node AS node, trace_id, served_by, corrected_start_us,
    ROW_NUMBER() OVER in_time AS position,
    COUNT(*) OVER (PARTITION BY service, ingress_node, trace_id) AS whole_count,
    COUNT(*) OVER in_time - COUNT(served_by) OVER in_time AS unknown_count,
    COUNT(*) OVER (PARTITION BY service, ingress_node, trace_id)
    - COUNT(served_by) OVER (PARTITION BY service, ingress_node, trace_id) AS all_unknown_count
  FROM connection_starts
  WHERE service IS NOT NULL AND ingress_node IS NOT NULL AND trace_id IS NOT NULL
    AND affinity IN ('none', 'first', 'expired', 'moved')
  WINDOW in_time AS (
    PARTITION BY service, ingress_node, trace_id
    ORDER BY corrected_start_us NULLS LAST, connection_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  )
),
chosen_pods AS (
  SELECT
    service, node, served_by, trace_id,
    MIN(corrected_start_us) AS first_us,
    MAX(corrected_start_us) AS last_us,
    CAST(COUNT(*) AS DOUBLE) / MIN(whole_count) AS share,
    MIN(position) - 1 AS before_count,
    MIN(whole_count) - MAX(position) AS after_count,
    MIN(unknown_count) AS before_unknown_count,
    MIN(all_unknown_count) - MAX(unknown_count) AS after_unknown_count
  FROM choices
  WHERE served_by IS NOT NULL
  GROUP BY service, node, served_by, trace_id
),
pods_of_services AS (
  SELECT pod, service FROM endpoints WHERE pod IS NOT NULL AND service IS NOT NULL
  UNION
  SELECT pod, service FROM connections WHERE pod IS NOT NULL AND service IS NOT NULL
),
all_events AS (
  SELECT
    'first-chosen' AS event, service, node, served_by AS pod, first_us AS at_us,
    before_count AS connection_count, share * before_count AS expected_choices
  FROM chosen_pods
  WHERE share * before_count - before_unknown_count >= 20
  UNION ALL
  SELECT 'last-chosen', service, node, served_by, last_us, after_count, share * after_count
  FROM chosen_pods
  WHERE share * after_count - after_unknown_count >= 20
  UNION ALL
  SELECT 'pod-began', s.service, p.node, p.pod, p.valid_from_us, NULL, NULL
  FROM pods AS p
  INNER JOIN pods_of_services AS s ON s.pod = p.pod
  UNION ALL
  SELECT 'pod-ended', s.service, p.node, p.pod, p.valid_to_us, NULL, NULL
  FROM pods AS p
  INNER JOIN pods_of_services AS s ON s.pod = p.pod
  UNION ALL
  SELECT 'endpoint-gone', service, ingress_node, NULL, MIN(corrected_start_us), COUNT(*), NULL
  FROM connection_starts
  WHERE affinity_reason = 'endpoint-gone'
  GROUP BY service, ingress_node
  UNION ALL
  SELECT 'rules-dumped', NULL, node, NULL, taken_us, NULL, NULL
  FROM captures
  WHERE kind = 'rules' AND taken_in_utc
)
SELECT
  e.event, e.service, e.node, e.pod, e.at_us,
  MAX(e.connection_count) AS connection_count,
  MAX(e.expected_choices) AS expected_choices
FROM all_events AS e
CROSS JOIN span AS s
WHERE e.at_us > s.first_us AND e.at_us <= s.last_us
GROUP BY e.event, e.service, e.node, e.pod, e.at_us
