-- about: What translation leaves as it is: sequence numbers of SYN, SYN-ACK, first and last data. A mark seen at two
-- about: vantages is one packet, so the flows are one connection. Direction does not matter: addresses are not in a mark.
-- about: Where only answers were seen (a bridge shows them half rewritten), no SYN tells when the port is used again: what
-- about: comes last may be of another connection.
-- grain: mark of a conversation at one vantage
-- key: flow_id, mark
-- store: no
WITH syns AS (
  SELECT flow_id, protocol, tcp_isn AS seq, CAST(UNNEST(STRING_SPLIT(syn_tsvals, ' ')) AS BIGINT) AS other
  FROM sightings
  WHERE tcp_isn IS NOT NULL
),
whole AS (
  SELECT * FROM sightings WHERE tcp_isn IS NOT NULL OR COALESCE(synack_count, 0) = 0
),
numbers AS (
  SELECT flow_id, protocol, 'syn' AS kind, seq, other FROM syns
  UNION ALL
  SELECT flow_id, protocol, 'synack' AS kind, synack_seq, synack_ack FROM sightings
  UNION ALL
  SELECT flow_id, protocol, 'data' AS kind, lower_first_seq, lower_first_ack FROM sightings
  UNION ALL
  SELECT flow_id, protocol, 'data' AS kind, lower_last_seq, lower_last_ack FROM whole
  UNION ALL
  SELECT flow_id, protocol, 'data' AS kind, upper_first_seq, upper_first_ack FROM sightings
  UNION ALL
  SELECT flow_id, protocol, 'data' AS kind, upper_last_seq, upper_last_ack FROM whole
)
SELECT DISTINCT
  flow_id,
  protocol || ' ' || kind || ' ' || CAST(seq AS VARCHAR) || ' ' || CAST(other AS VARCHAR) AS mark
FROM numbers
WHERE seq IS NOT NULL AND other IS NOT NULL
