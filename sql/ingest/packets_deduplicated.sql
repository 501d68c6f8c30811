-- about: Packets, each once, of an export of all interfaces that does not name them: it shows a packet at each it passes.
-- about: Over TCP sequence numbers, time stamp and IP id tell a packet; else the IP id does within a second.
-- grain: captured packet
-- key: line_number
-- stage: ingest
-- store: no
SELECT p.*
FROM all_packets AS p
QUALIFY COALESCE(interface, 'any') <> 'any' OR COALESCE(tcp_tsval, NULLIF(ip_id, 0)) IS NULL OR ROW_NUMBER() OVER (
  PARTITION BY
    protocol, src, dst, tcp_seq, tcp_ack, tcp_flags, tcp_payload_bytes, tcp_tsval, ip_id,
    CASE WHEN protocol = 'tcp' THEN 0 ELSE ts_us // 1000000 END
  ORDER BY line_number
) = 1
