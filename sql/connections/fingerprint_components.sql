-- about: One row per flow that has a fingerprint, with its connected component: the flows that shared fingerprints lead to,
-- about: from flow to flow. The component's name is the smallest of its flow numbers.
-- about: Algorithm: connected components by two rounds of label propagation. In a round, each fingerprint takes the smallest
-- about: component of its flows, then each flow takes the smallest of its fingerprints. The second round is made for flows
-- about: whose fingerprints had different components after the first.
-- about: Two rounds suffice, because the ingress leg has all fingerprints of its connection, so no leg is further than two
-- about: steps from another. Limit: if a lossy capture makes the way longer, the connection stays in two components.
-- grain: directed flow with a fingerprint
-- key: flow_number
-- store: no
WITH round_1_fingerprints AS (
  SELECT kind, seq, tsval_or_ack, MIN(flow_number) AS component FROM packet_fingerprints GROUP BY kind, seq, tsval_or_ack
),
labelled_fingerprints AS (
  SELECT p.flow_number, p.kind, p.seq, p.tsval_or_ack, f.component
  FROM packet_fingerprints AS p
  INNER JOIN round_1_fingerprints AS f ON f.kind = p.kind AND f.seq = p.seq AND f.tsval_or_ack = p.tsval_or_ack
),
round_1_flows AS (
  SELECT flow_number, MIN(component) AS component, MAX(component) AS largest_component FROM labelled_fingerprints GROUP BY flow_number
),
round_2_fingerprints AS (
  SELECT l.kind, l.seq, l.tsval_or_ack, MIN(f.component) AS component
  FROM labelled_fingerprints AS l
  INNER JOIN round_1_flows AS f ON f.flow_number = l.flow_number
  WHERE f.component <> f.largest_component
  GROUP BY l.kind, l.seq, l.tsval_or_ack
),
round_2_flows AS (
  SELECT l.flow_number, MIN(p.component) AS component
  FROM labelled_fingerprints AS l
  INNER JOIN round_2_fingerprints AS p ON p.kind = l.kind AND p.seq = l.seq AND p.tsval_or_ack = l.tsval_or_ack
  GROUP BY l.flow_number
)
SELECT f.flow_number, LEAST(f.component, COALESCE(s.component, f.component)) AS component
FROM round_1_flows AS f
LEFT JOIN round_2_flows AS s ON s.flow_number = f.flow_number
