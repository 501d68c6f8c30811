-- about: Connections to services with session affinity, each with its client's previous one on the same node and service
-- about: port, and its place among all that reached the same endpoint there: those are who the endpoint's list remembers.
-- grain: connection
-- key: connection_id
-- store: no
WITH sticky AS (
  SELECT
    connection_id, affinity_least_s, affinity_s, rules_node, src_ip, protocol, service, service_port, pod_ip, pod_port, corrected_start_us,
    ROW_NUMBER() OVER (
      PARTITION BY rules_node, protocol, service, service_port, pod_ip, pod_port
      ORDER BY corrected_start_us NULLS LAST, connection_id
    ) AS place
  FROM connection_outcomes
  WHERE affinity_s IS NOT NULL AND leg = 'ingress'
)
SELECT
  s.*,
  LAG(connection_id) OVER turns AS previous_id,
  LAG(pod_ip) OVER turns AS previous_ip,
  LAG(pod_port) OVER turns AS previous_port,
  LAG(place) OVER turns AS previous_place,
  LAG(corrected_start_us) OVER turns AS previous_us,
  MIN(corrected_start_us) OVER (PARTITION BY src_ip, protocol, service, service_port) AS first_us
FROM sticky AS s
WINDOW turns AS (
  PARTITION BY rules_node, src_ip, protocol, service, service_port
  ORDER BY corrected_start_us NULLS LAST, connection_id
)
