-- about: What translation leaves as it is: sequence numbers of SYN, SYN-ACK, first and last data. A mark seen at two
-- about: vantages is one packet, so the flows are one connection. Direction does not matter: addresses are not in a mark.
-- about: Where only answers were seen (a bridge shows them half rewritten), no SYN tells when the port is used again: what
-- about: comes last may be of another connection.
-- about: A flow with a SYN that others show too is told by it; other marks count where they are those of a flow that is not.
-- grain: mark of a conversation at one vantage
-- key: flow_number, kind, seq, other
-- store: no
WITH noted AS (
  SELECT
    flow_number, isn AS tcp_isn, tsval AS tcp_tsval, syn_tsvals, synack_seq, synack_ack, lower_first_seq, lower_first_ack,
    lower_last_seq, lower_last_ack, upper_first_seq, upper_first_ack, upper_last_seq, upper_last_ack,
    isn IS NOT NULL OR lower_synacks + upper_synacks = 0 AS is_whole
  FROM all_conversations
  WHERE lower_port IS NOT NULL AND upper_port IS NOT NULL
),
syns AS (
  SELECT flow_number, tcp_isn AS seq, COALESCE(tcp_tsval, -1) AS other
  FROM noted
  WHERE tcp_isn IS NOT NULL AND syn_tsvals NOT LIKE '% %'
  UNION ALL
  SELECT flow_number, tcp_isn, CAST(UNNEST(STRING_SPLIT(syn_tsvals, ' ')) AS BIGINT)
  FROM noted
  WHERE tcp_isn IS NOT NULL AND syn_tsvals LIKE '% %'
),
shared AS (
  SELECT seq, other FROM syns GROUP BY seq, other HAVING COUNT(*) > 1
),
told AS (
  SELECT s.flow_number FROM syns AS s INNER JOIN shared AS h ON h.seq = s.seq AND h.other = s.other
),
untold AS (
  SELECT n.* FROM noted AS n LEFT JOIN told AS t ON t.flow_number = n.flow_number WHERE t.flow_number IS NULL
),
others AS (
  SELECT flow_number, 2 AS kind, synack_seq AS seq, synack_ack AS other FROM noted
  UNION ALL
  SELECT flow_number, 3, lower_first_seq, lower_first_ack FROM noted
  UNION ALL
  SELECT flow_number, 3, lower_last_seq, lower_last_ack FROM noted WHERE is_whole
  UNION ALL
  SELECT flow_number, 3, upper_first_seq, upper_first_ack FROM noted
  UNION ALL
  SELECT flow_number, 3, upper_last_seq, upper_last_ack FROM noted WHERE is_whole
),
untold_others AS (
  SELECT 2 AS kind, synack_seq AS seq, synack_ack AS other FROM untold
  UNION ALL
  SELECT 3, lower_first_seq, lower_first_ack FROM untold
  UNION ALL
  SELECT 3, lower_last_seq, lower_last_ack FROM untold WHERE is_whole
  UNION ALL
  SELECT 3, upper_first_seq, upper_first_ack FROM untold
  UNION ALL
  SELECT 3, upper_last_seq, upper_last_ack FROM untold WHERE is_whole
),
sought AS (
  SELECT DISTINCT kind, seq, other FROM untold_others WHERE seq IS NOT NULL AND other IS NOT NULL
)
SELECT flow_number, 1 AS kind, seq, other FROM syns
UNION ALL
SELECT DISTINCT o.flow_number, o.kind, o.seq, o.other
FROM others AS o
INNER JOIN sought AS s ON s.kind = o.kind AND s.seq = o.seq AND s.other = o.other
