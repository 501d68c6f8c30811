-- about: One row per input file with TCP handshakes: how many packets of them must have been captured, and how many are
-- about: missing. A SYN-ACK must follow a SYN, and data after a SYN must follow a SYN-ACK: passive loss measurement by
-- about: sequence gaps. A connection that was under way when the capture began shows no SYN, so it adds to neither
-- about: count. Nor does one with packets of one direction only: a bridge shows packets before and after NAT.
-- grain: input file
-- key: capture_id
-- store: no
WITH handshakes AS (
  SELECT
    capture_id,
    lower_syns + upper_syns > 0 AS has_syn,
    lower_synacks + upper_synacks > 0 AS has_synack,
    lower_syns + upper_syns > 0
      AND COALESCE(lower_first_seq <> isn OR upper_first_seq <> isn, lower_first_seq <> isn, upper_first_seq <> isn, FALSE)
      AS was_answered
  FROM conversations
  WHERE protocol = 'tcp' AND flagged_packets > 0 AND lower_packets > 0 AND upper_packets > 0
)
SELECT
  capture_id,
  COUNT(*) FILTER (WHERE has_synack) + COUNT(*) FILTER (WHERE was_answered) AS expected_count,
  COUNT(*) FILTER (WHERE has_synack AND NOT has_syn) + COUNT(*) FILTER (WHERE was_answered AND NOT has_synack)
    AS missing_count
FROM handshakes
GROUP BY capture_id
