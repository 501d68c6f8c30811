-- about: For how long Services remember clients, by their objects: the least and the most of what these say; 0 for not at all.
-- grain: service
-- key: service
-- store: no
SELECT service, MIN(COALESCE(affinity_s, 0)) AS min_affinity_s, MAX(COALESCE(affinity_s, 0)) AS max_affinity_s
FROM services
WHERE session_affinity IS NOT NULL
GROUP BY service
