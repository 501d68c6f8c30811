-- about: Legs with the root of the marks they share with others, if any; a table of its own, so that memory need not hold it.
-- grain: conversation at one vantage
-- key: flow_number
-- store: no
SELECT l.flow_number, l.tcp_isn, l.start_us, r.component
FROM legs AS l
LEFT JOIN fingerprint_components AS r ON r.flow_number = l.flow_number
