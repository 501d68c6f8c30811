-- about: Connections that could not be labelled, and why.
-- grain: service, way in and reason
-- key: service, entered_at, reason
WITH undecided AS (
  SELECT service, COALESCE(ingress_node, snat_ip) AS entered_at, reason
  FROM connections
  WHERE label = 'unlabelled'
)
SELECT
  service,
  entered_at,
  reason,
  COUNT(*) AS connection_count
FROM undecided
GROUP BY service, entered_at, reason
