-- about: The rules that are followed. Where iptables-save shows every chain of a table that a poorer view of the same node
-- about: shows (a listing, or nft's view of what iptables-nft wrote), that view adds nothing and is left out.
-- grain: rule of one node's dump
-- key: node, family, table_name, chain, rule_number, capture_id, line_number, text
-- store: no
WITH dumps AS (
  SELECT capture_id, COALESCE(format IN ('iptables-list', 'nft-list', 'nft-json'), FALSE) AS is_view,
    COALESCE(format = 'iptables-save', FALSE) AS is_whole
  FROM captures
),
whole AS (
  SELECT DISTINCT r.node, r.family, r.table_name, r.chain
  FROM rules AS r
  INNER JOIN dumps AS d ON d.capture_id = r.capture_id AND d.is_whole
),
needed AS (
  SELECT DISTINCT r.capture_id, r.family, r.table_name
  FROM rules AS r
  INNER JOIN dumps AS d ON d.capture_id = r.capture_id AND d.is_view
  LEFT JOIN whole AS w
    ON w.node = r.node AND w.family = r.family AND w.table_name = r.table_name AND w.chain = r.chain
  WHERE w.node IS NULL AND r.chain <> '(cut short)'
)
SELECT r.*
FROM rules AS r
LEFT JOIN dumps AS d ON d.capture_id = r.capture_id
LEFT JOIN needed AS n ON n.capture_id = r.capture_id AND n.family = r.family AND n.table_name = r.table_name
WHERE NOT COALESCE(d.is_view, FALSE) OR n.capture_id IS NOT NULL
