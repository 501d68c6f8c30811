-- about: From which source ports, in steps of 10,000, connections came as the pod saw them.
-- grain: service and step
-- key: service, least_port
-- column: service VARCHAR namespace/name; NULL for no service's.
-- column: least_port INTEGER The lowest port of the step: 0, 10000, 20000, ...
-- column: connection_count BIGINT Connections.
WITH seen AS (
  SELECT service, COALESCE(snat_port, client_port) AS source_port FROM connections
)
SELECT service, CAST(FLOOR(source_port / 10000) * 10000 AS INTEGER) AS least_port, COUNT(*) AS connection_count
FROM seen
WHERE source_port IS NOT NULL
GROUP BY service, CAST(FLOOR(source_port / 10000) * 10000 AS INTEGER)
