-- about: Flows that share a mark, under the name of one of them. Two rounds reach every leg from the ingress leg, which
-- about: has all marks; what a lossy capture takes apart by more stays apart.
-- grain: conversation at one vantage
-- key: flow_id
-- store: no
WITH first_marks AS (
  SELECT mark, MIN(flow_id) AS root FROM marks GROUP BY mark
),
first_roots AS (
  SELECT m.flow_id, MIN(f.root) AS root
  FROM marks AS m
  INNER JOIN first_marks AS f ON f.mark = m.mark
  GROUP BY m.flow_id
),
second_marks AS (
  SELECT m.mark, MIN(r.root) AS root
  FROM marks AS m
  INNER JOIN first_roots AS r ON r.flow_id = m.flow_id
  GROUP BY m.mark
)
SELECT m.flow_id, MIN(s.root) AS root
FROM marks AS m
INNER JOIN second_marks AS s ON s.mark = m.mark
GROUP BY m.flow_id
