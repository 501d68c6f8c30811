-- about: How many packets a capture missed, told by TCP handshakes: a SYN-ACK had a SYN before it, and data after a SYN had a
-- about: SYN-ACK before it. A connection that was under way when the capture began counts for neither, nor does one of which
-- about: one direction alone was seen: a bridge shows packets half rewritten.
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
