-- about: Legs with the root of the marks they share with others, if any; a table of its own, so that memory need not hold it.
-- grain: conversation at one vantage
-- key: flow
-- store: no
SELECT l.flow, l.tcp_isn, l.start_us, r.root
FROM legs AS l
LEFT JOIN roots AS r ON r.flow = l.flow
