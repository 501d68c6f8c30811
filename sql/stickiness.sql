-- about: Services that remember clients, by their objects, and for how long.
-- grain: service
-- key: service
-- store: no
SELECT service, MAX(affinity_s) AS affinity_s FROM services WHERE session_affinity = 'ClientIP' GROUP BY service
