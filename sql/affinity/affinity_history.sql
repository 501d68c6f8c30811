-- about: One row per connection to a service with session affinity, with its client's previous connection: the one before it
-- about: from the same source address, to the same service port, on the same ingress node. The kernel keeps its lists of clients
-- about: per node and endpoint, so another node's connections do not count.
-- about: `position` numbers the connections that reached one endpoint on one node, in the order of time. They are the clients
-- about: that the endpoint's list holds.
-- about: Limit: times are first packets by the reference clock; connections without a time come last, in the order of their names.
-- grain: connection
-- key: connection_id
-- store: no
WITH with_affinity AS (
  SELECT
    connection_id, min_affinity_s, max_affinity_s, rules_node, src_ip, protocol, service, service_port, pod_ip, pod_port,
    corrected_start_us,
    ROW_NUMBER() OVER (
      PARTITION BY rules_node, protocol, service, service_port, pod_ip, pod_port
      ORDER BY corrected_start_us NULLS LAST, connection_id
    ) AS position
  FROM connection_outcomes
  WHERE max_affinity_s IS NOT NULL AND leg = 'ingress'
)
SELECT
  a.*,
  LAG(connection_id) OVER of_client AS previous_id,
  LAG(pod_ip) OVER of_client AS previous_ip,
  LAG(pod_port) OVER of_client AS previous_port,
  LAG(position) OVER of_client AS previous_position,
  LAG(corrected_start_us) OVER of_client AS previous_us,
  MIN(corrected_start_us) OVER (PARTITION BY src_ip, protocol, service, service_port) AS first_us
FROM with_affinity AS a
WINDOW of_client AS (
  PARTITION BY rules_node, src_ip, protocol, service, service_port
  ORDER BY corrected_start_us NULLS LAST, connection_id
)
