-- about: One row per service, label and the facts that the label rests on. Every share of labels, paths and evidence in
-- about: the report comes from this table.
-- grain: service, label, hop, source_nat, affinity and evidence
-- key: service, label, hop, source_nat, affinity, evidence
-- column: service VARCHAR namespace/name; NULL if no Service is involved.
-- column: label VARCHAR As in `connections`.
-- column: hop VARCHAR As in `connections`.
-- column: source_nat BOOLEAN As in `connections`.
-- column: affinity VARCHAR As in `connections`.
-- column: evidence VARCHAR As in `connections`.
-- column: connection_count BIGINT Connections.
SELECT
  service,
  label,
  hop,
  source_nat,
  affinity,
  evidence,
  COUNT(*) AS connection_count
FROM connections
GROUP BY service, label, hop, source_nat, affinity, evidence
