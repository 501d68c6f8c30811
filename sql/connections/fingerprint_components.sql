-- about: Flows that share a mark, under the number of one of them. Two rounds reach every leg from the ingress leg, which
-- about: has all marks; what a lossy capture takes apart by more stays apart. The second round is for flows whose marks
-- about: lead to different ones.
-- grain: conversation at one vantage
-- key: flow_number
-- store: no
WITH first_fingerprints AS (
  SELECT kind, seq, other, MIN(flow_number) AS component FROM packet_fingerprints GROUP BY kind, seq, other
),
led AS (
  SELECT m.flow_number, m.kind, m.seq, m.other, f.component
  FROM packet_fingerprints AS m
  INNER JOIN first_fingerprints AS f ON f.kind = m.kind AND f.seq = m.seq AND f.other = m.other
),
first_components AS (
  SELECT flow_number, MIN(component) AS component, MAX(component) AS last_component FROM led GROUP BY flow_number
),
second_fingerprints AS (
  SELECT l.kind, l.seq, l.other, MIN(r.component) AS component
  FROM led AS l
  INNER JOIN first_components AS r ON r.flow_number = l.flow_number
  WHERE r.component <> r.last_component
  GROUP BY l.kind, l.seq, l.other
),
second_components AS (
  SELECT l.flow_number, MIN(s.component) AS component
  FROM led AS l
  INNER JOIN second_fingerprints AS s ON s.kind = l.kind AND s.seq = l.seq AND s.other = l.other
  GROUP BY l.flow_number
)
SELECT f.flow_number, LEAST(f.component, COALESCE(s.component, f.component)) AS component
FROM first_components AS f
LEFT JOIN second_components AS s ON s.flow_number = f.flow_number
