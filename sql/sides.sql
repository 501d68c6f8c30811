-- about: Legs that share marks with others: before translation, or after it where data passed.
-- grain: conversation at one vantage
-- key: flow
-- store: no
SELECT l.flow, r.root, c.node, l.start_us, l.leg = 'ingress' AS is_before
FROM legs AS l
INNER JOIN roots AS r ON r.flow = l.flow
INNER JOIN roles AS c ON c.call = l.call
WHERE l.leg = 'ingress'
  OR (l.leg IN ('forward', 'delivery') AND (l.synack_count > 0 OR COALESCE(l.payload_bytes, 0) > 0))
