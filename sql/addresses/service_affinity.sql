-- about: One row per Service that declares its session affinity: the shortest and the longest timeout in seconds during
-- about: the run; 0 for no affinity. Both are equal unless the Service was changed.
-- grain: service
-- key: service
-- store: no
SELECT service, MIN(COALESCE(affinity_s, 0)) AS min_affinity_s, MAX(COALESCE(affinity_s, 0)) AS max_affinity_s
FROM services
WHERE session_affinity IS NOT NULL
GROUP BY service
