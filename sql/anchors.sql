-- about: The leg of each connection that tells most of where it came from, with what ranks say.
-- grain: connection
-- key: flow
-- store: no
SELECT * FROM stitches WHERE anchor_rank = 1
