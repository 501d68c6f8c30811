-- about: Flows that share a mark, under the number of one of them. Two rounds reach every leg from the ingress leg, which
-- about: has all marks; what a lossy capture takes apart by more stays apart. The second round is for flows whose marks
-- about: lead to different ones.
-- grain: conversation at one vantage
-- key: flow
-- store: no
WITH first_marks AS (
  SELECT kind, seq, other, MIN(flow) AS root FROM marks GROUP BY kind, seq, other
),
led AS (
  SELECT m.flow, m.kind, m.seq, m.other, f.root
  FROM marks AS m
  INNER JOIN first_marks AS f ON f.kind = m.kind AND f.seq = m.seq AND f.other = m.other
),
first_roots AS (
  SELECT flow, MIN(root) AS root, MAX(root) AS last_root FROM led GROUP BY flow
),
second_marks AS (
  SELECT l.kind, l.seq, l.other, MIN(r.root) AS root
  FROM led AS l
  INNER JOIN first_roots AS r ON r.flow = l.flow
  WHERE r.root <> r.last_root
  GROUP BY l.kind, l.seq, l.other
),
second_roots AS (
  SELECT l.flow, MIN(s.root) AS root
  FROM led AS l
  INNER JOIN second_marks AS s ON s.kind = l.kind AND s.seq = l.seq AND s.other = l.other
  GROUP BY l.flow
)
SELECT f.flow, LEAST(f.root, COALESCE(s.root, f.root)) AS root
FROM first_roots AS f
LEFT JOIN second_roots AS s ON s.flow = f.flow
