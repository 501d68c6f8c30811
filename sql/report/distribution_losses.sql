-- about: One row per capture file: how many packets it lost, estimated by TCP handshakes (`handshake_loss`), and of how
-- about: many TCP flows it shows one direction only.
-- grain: input file
-- key: capture_id
-- column: capture_id VARCHAR The input file, as in `captures`.
-- column: node VARCHAR Node it was captured on.
-- column: file VARCHAR Path inside the capture folder.
-- column: due_count BIGINT Packets that TCP handshakes must have had.
-- column: missing_count BIGINT Those of them that are missing.
-- column: flow_count BIGINT TCP flows.
-- column: one_sided_count BIGINT TCP flows of which only one direction was captured.
WITH tcp_flows AS (
  SELECT
    SUBSTR(flow_id, 1, 8) AS capture_id,
    COUNT(*) AS flow_count,
    COUNT(CASE WHEN packet_count = 0 OR reply_packet_count = 0 THEN 1 END) AS one_sided_count
  FROM flows
  WHERE protocol = 'tcp'
  GROUP BY SUBSTR(flow_id, 1, 8)
)
SELECT
  c.capture_id,
  c.node,
  c.file,
  CAST(COALESCE(l.expected_count, 0) AS BIGINT) AS due_count,
  CAST(COALESCE(l.missing_count, 0) AS BIGINT) AS missing_count,
  COALESCE(s.flow_count, 0) AS flow_count,
  COALESCE(s.one_sided_count, 0) AS one_sided_count
FROM captures AS c
LEFT JOIN handshake_loss AS l ON l.capture_id = c.capture_id
LEFT JOIN tcp_flows AS s ON s.capture_id = c.capture_id
WHERE c.kind = 'packets'
