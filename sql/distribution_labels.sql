-- about: Connections per service, by label and by the facts beneath it. Every share of labels, paths and evidence comes from here.
-- grain: service, label, hop, source_nat, affinity and evidence
-- key: service, label, hop, source_nat, affinity, evidence
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
