-- about: What translation leaves as it is: sequence numbers of SYN, SYN-ACK, first and last data. A mark seen at two
-- about: vantages is one packet, so the flows are one connection. Direction does not matter: addresses are not in a mark.
-- about: Where only answers were seen (a bridge shows them half rewritten), no SYN tells when the port is used again: what
-- about: comes last may be of another connection.
-- about: A flow with a SYN that others show too is told by it; other marks count where they are those of a flow that is not.
-- grain: mark of a conversation at one vantage
-- key: flow, kind, seq, other
-- store: no
WITH syns AS (
  SELECT flow, tcp_isn AS seq, COALESCE(tcp_tsval, -1) AS other
  FROM sightings
  WHERE tcp_isn IS NOT NULL AND syn_tsvals NOT LIKE '% %'
  UNION ALL
  SELECT flow, tcp_isn, CAST(UNNEST(STRING_SPLIT(syn_tsvals, ' ')) AS BIGINT)
  FROM sightings
  WHERE tcp_isn IS NOT NULL AND syn_tsvals LIKE '% %'
),
shared AS (
  SELECT seq, other FROM syns GROUP BY seq, other HAVING COUNT(*) > 1
),
told AS (
  SELECT DISTINCT s.flow FROM syns AS s INNER JOIN shared AS h ON h.seq = s.seq AND h.other = s.other
),
whole AS (
  SELECT * FROM sightings WHERE tcp_isn IS NOT NULL OR COALESCE(synack_count, 0) = 0
),
others AS (
  SELECT flow, 2 AS kind, synack_seq AS seq, synack_ack AS other FROM sightings
  UNION ALL
  SELECT flow, 3, lower_first_seq, lower_first_ack FROM sightings
  UNION ALL
  SELECT flow, 3, lower_last_seq, lower_last_ack FROM whole
  UNION ALL
  SELECT flow, 3, upper_first_seq, upper_first_ack FROM sightings
  UNION ALL
  SELECT flow, 3, upper_last_seq, upper_last_ack FROM whole
),
open_marks AS (
  SELECT DISTINCT o.flow, o.kind, o.seq, o.other
  FROM others AS o
  LEFT JOIN told AS t ON t.flow = o.flow
  WHERE t.flow IS NULL AND o.seq IS NOT NULL AND o.other IS NOT NULL
),
sought AS (
  SELECT DISTINCT kind, seq, other FROM open_marks
),
told_marks AS (
  SELECT DISTINCT o.flow, o.kind, o.seq, o.other
  FROM others AS o
  INNER JOIN sought AS s ON s.kind = o.kind AND s.seq = o.seq AND s.other = o.other
  INNER JOIN told AS t ON t.flow = o.flow
)
SELECT flow, 1 AS kind, seq, other FROM syns
UNION ALL
SELECT flow, kind, seq, other FROM open_marks
UNION ALL
SELECT flow, kind, seq, other FROM told_marks
