-- about: One row per node, frontend and source class (packets that the node's rules treat alike): how many endpoints
-- about: the rules allow, whether they are on the node (`local`) or on others (`forwarded`), and whether the source is
-- about: rewritten. A value is NULL, or `unknown`, where the endpoints differ in it: then the rules alone decide
-- about: nothing.
-- grain: class of packets on one node
-- key: node, protocol, dst_ip, dst_port, source_class
-- store: no
SELECT
  d.node, d.protocol, d.dst_ip, d.dst_port, d.source_class,
  MIN(d.trace_id) AS trace_id,
  MIN(d.service) AS service,
  MIN(d.service_port) AS service_port,
  MIN(d.verdict) AS verdict,
  BOOL_AND(d.certain) AS certain,
  MIN(d.uncertain_codes) AS uncertain_codes,
  CASE WHEN BOOL_AND(d.source_nat) = BOOL_OR(d.source_nat) AND COUNT(d.source_nat) = COUNT(*)
    THEN BOOL_AND(d.source_nat) END AS source_nat,
  MAX(d.affinity_s) AS affinity_s,
  COUNT(d.endpoint_ip) AS endpoint_count,
  CASE WHEN COUNT(d.endpoint_ip) = 1 THEN MIN(d.endpoint_ip) END AS only_endpoint_ip,
  CASE WHEN COUNT(d.endpoint_ip) = 1 THEN MIN(d.endpoint_port) END AS only_endpoint_port,
  -- The hop that the rules allow for the whole class. `connection_outcomes` decides the hop of one connection, from this
  -- (`rules_hop`) and from what was captured.
  CASE
    -- no endpoint, or one whose node is not known
    WHEN COUNT(d.endpoint_ip) = 0 OR COUNT(p.node) < COUNT(*) THEN 'unknown'
    WHEN BOOL_OR(COALESCE(LIST_CONTAINS(STRING_SPLIT(d.uncertain_codes, ', '), 'dumps-differ'), FALSE)) THEN 'unknown'
    WHEN BOOL_AND(p.node = d.node) THEN 'local'
    WHEN BOOL_AND(p.node <> d.node) THEN 'forwarded'
    ELSE 'unknown'
  END AS hop,
  CASE WHEN COUNT(d.endpoint_ip) > 0 THEN ARRAY_TO_STRING(LIST_SORT(LIST(
    d.endpoint_ip || ':' || CAST(d.endpoint_port AS VARCHAR)
    || COALESCE(' ' || CAST(ROUND(d.probability, 4) AS VARCHAR), '')
  )), ', ') END AS candidates
FROM decisions AS d
LEFT JOIN address_owners AS p ON p.ip = d.endpoint_ip AND p.valid_from_us = -1
GROUP BY d.node, d.protocol, d.dst_ip, d.dst_port, d.source_class
