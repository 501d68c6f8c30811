-- about: One row per fingerprint of a directed flow: two numbers of one packet that NAT does not change. Two flows with the
-- about: same fingerprint show the same packet, so they are one connection. Kind 1 is a SYN (sequence number and TCP timestamp,
-- about: -1 without one; a retransmitted SYN has another timestamp). Kind 2 is a SYN-ACK, kind 3 the first and the last data
-- about: of each direction (sequence and acknowledgement number). A fingerprint has no address and no port, so direction does
-- about: not matter.
-- about: Kind 1 is enough where another flow has the same SYN. The other kinds are kept only if they are those of a flow
-- about: without such a SYN, so the table stays small.
-- about: Limit: a flow with SYN-ACKs and no SYN may hold several connections, because reuse of its port shows in SYNs only. Its
-- about: last data is left out.
-- grain: fingerprint of a directed flow
-- key: flow_number, kind, seq, tsval_or_ack
-- store: no
WITH tcp_flows AS (
  SELECT
    flow_number, isn AS tcp_isn, tsval AS tcp_tsval, syn_tsvals, synack_seq, synack_ack, lower_first_seq, lower_first_ack,
    lower_last_seq, lower_last_ack, upper_first_seq, upper_first_ack, upper_last_seq, upper_last_ack,
    isn IS NOT NULL OR lower_synacks + upper_synacks = 0 AS is_one_connection
  FROM all_conversations
  WHERE lower_port IS NOT NULL AND upper_port IS NOT NULL
),
syns AS (
  SELECT flow_number, tcp_isn AS seq, COALESCE(tcp_tsval, -1) AS tsval
  FROM tcp_flows
  WHERE tcp_isn IS NOT NULL AND syn_tsvals NOT LIKE '% %'
  UNION ALL
  SELECT flow_number, tcp_isn, CAST(UNNEST(STRING_SPLIT(syn_tsvals, ' ')) AS BIGINT)
  FROM tcp_flows
  WHERE tcp_isn IS NOT NULL AND syn_tsvals LIKE '% %'
),
repeated_syns AS (
  SELECT seq, tsval FROM syns GROUP BY seq, tsval HAVING COUNT(*) > 1
),
matched_flows AS (
  SELECT s.flow_number FROM syns AS s INNER JOIN repeated_syns AS r ON r.seq = s.seq AND r.tsval = s.tsval
),
unmatched_flows AS (
  SELECT f.* FROM tcp_flows AS f LEFT JOIN matched_flows AS m ON m.flow_number = f.flow_number WHERE m.flow_number IS NULL
),
segments AS (
  SELECT flow_number, 2 AS kind, synack_seq AS seq, synack_ack AS ack FROM tcp_flows
  UNION ALL
  SELECT flow_number, 3, lower_first_seq, lower_first_ack FROM tcp_flows
  UNION ALL
  SELECT flow_number, 3, lower_last_seq, lower_last_ack FROM tcp_flows WHERE is_one_connection
  UNION ALL
  SELECT flow_number, 3, upper_first_seq, upper_first_ack FROM tcp_flows
  UNION ALL
  SELECT flow_number, 3, upper_last_seq, upper_last_ack FROM tcp_flows WHERE is_one_connection
),
unmatched_segments AS (
  -- the same list of the unmatched flows alone: an anti-join of all segments costs twice the time
  SELECT 2 AS kind, synack_seq AS seq, synack_ack AS ack FROM unmatched_flows
  UNION ALL
  SELECT 3, lower_first_seq, lower_first_ack FROM unmatched_flows
  UNION ALL
  SELECT 3, lower_last_seq, lower_last_ack FROM unmatched_flows WHERE is_one_connection
  UNION ALL
  SELECT 3, upper_first_seq, upper_first_ack FROM unmatched_flows
  UNION ALL
  SELECT 3, upper_last_seq, upper_last_ack FROM unmatched_flows WHERE is_one_connection
),
needed_segments AS (
  SELECT DISTINCT kind, seq, ack FROM unmatched_segments WHERE seq IS NOT NULL AND ack IS NOT NULL
)
SELECT flow_number, 1 AS kind, seq, tsval AS tsval_or_ack FROM syns
UNION ALL
SELECT DISTINCT s.flow_number, s.kind, s.seq, s.ack
FROM segments AS s
INNER JOIN needed_segments AS n ON n.kind = s.kind AND n.seq = s.seq AND n.ack = s.ack
