-- about: One row per rule of a node's dumps that the tracer follows. A node can have several dumps of one table, and
-- about: `iptables-save` is the complete form: listings and nft's view of iptables-nft rules lose matches. Such a view
-- about: is left out where `iptables-save` has every chain of its table; where it has a chain more, all of the view is
-- about: used.
-- grain: rule of one node's dump
-- key: node, family, table_name, chain, rule_number, capture_id, line_number, text
-- store: no
WITH dumps AS (
  SELECT capture_id, COALESCE(format IN ('iptables-list', 'nft-list', 'nft-json'), FALSE) AS is_view,
    COALESCE(format = 'iptables-save', FALSE) AS is_complete
  FROM captures
),
complete_chains AS (
  SELECT DISTINCT r.node, r.family, r.table_name, r.chain
  FROM rules AS r
  INNER JOIN dumps AS d ON d.capture_id = r.capture_id AND d.is_complete
),
needed_views AS (
  SELECT DISTINCT r.capture_id, r.family, r.table_name
  FROM rules AS r
  INNER JOIN dumps AS d ON d.capture_id = r.capture_id AND d.is_view
  LEFT JOIN complete_chains AS w
    ON w.node = r.node AND w.family = r.family AND w.table_name = r.table_name AND w.chain = r.chain
  WHERE w.node IS NULL AND r.chain <> '(cut short)'
)
SELECT r.*
FROM rules AS r
LEFT JOIN dumps AS d ON d.capture_id = r.capture_id
LEFT JOIN needed_views AS n ON n.capture_id = r.capture_id AND n.family = r.family AND n.table_name = r.table_name
WHERE NOT COALESCE(d.is_view, FALSE) OR n.capture_id IS NOT NULL
