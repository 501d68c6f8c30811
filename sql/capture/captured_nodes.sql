-- about: One row per node with captured packets.
-- grain: node
-- key: node
-- store: no
SELECT DISTINCT node FROM captures WHERE kind = 'packets' AND kept_count > 0
