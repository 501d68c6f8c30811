-- about: Connections per service, by label and by the facts beneath it. Every share of labels, paths and evidence comes from here.
-- grain: service, label, hop, source_nat, affinity and evidence
-- key: service, label, hop, source_nat, affinity, evidence
-- column: service VARCHAR namespace/name; NULL for no service's.
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
