-- about: Legs with the connection they are put into, and their rank there.
-- grain: conversation at one vantage
-- key: flow
-- store: view
SELECT l.*, r.stitch_key, r.is_after, r.join_grade, r.has_marks, r.anchor_rank, r.after_rank, r.flow_count
FROM legs AS l
INNER JOIN ranks AS r ON r.flow = l.flow
