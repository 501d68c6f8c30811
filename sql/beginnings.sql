-- about: Nodes whose capture began while connections to services were under way: some show neither SYN nor SYN-ACK right
-- about: at the start, though others do later. There, a client's first connection seen need not be its first.
-- grain: node
-- key: node
-- store: no
WITH ingresses AS (
  SELECT
    rules_node, start_us, syn_count, synack_count,
    MIN(start_us) OVER (PARTITION BY rules_node) AS first_us,
    MAX(syn_count) OVER (PARTITION BY rules_node) AS most_syns
  FROM legs
  WHERE leg = 'ingress' AND protocol = 'tcp' AND syn_count IS NOT NULL
)
SELECT DISTINCT rules_node AS node
FROM ingresses
WHERE most_syns > 0 AND syn_count = 0 AND synack_count = 0 AND start_us <= first_us + 100000
