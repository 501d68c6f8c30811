-- about: Nodes whose capture began while connections to services were under way: some show neither SYN nor SYN-ACK right
-- about: at the start, though others do later. There, a client's first connection seen need not be its first.
-- grain: node
-- key: node
-- store: no
WITH ingresses AS (
  SELECT
    client_socket_number,
    MIN(start_us) AS first_us,
    MAX(syn_count) AS most_syns
  FROM legs
  WHERE leg = 'ingress' AND syn_count IS NOT NULL
  GROUP BY client_socket_number
),
firsts AS (
  SELECT c.rules_node, MIN(i.first_us) AS first_us
  FROM ingresses AS i
  INNER JOIN client_socket_context AS c ON c.client_socket_number = i.client_socket_number
  WHERE c.protocol = 'tcp'
  GROUP BY c.rules_node
  HAVING MAX(i.most_syns) > 0
)
SELECT DISTINCT f.rules_node AS node
FROM legs AS l
INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
INNER JOIN firsts AS f ON f.rules_node = c.rules_node
WHERE l.leg = 'ingress' AND l.syn_count = 0 AND l.synack_count = 0 AND l.start_us <= f.first_us + 100000
  AND c.protocol = 'tcp'
