-- about: One row per packet of an export of all interfaces that names none of them (`-i any`): it shows a packet once
-- about: on each interface that the packet passes, and only the first row stays. TCP sequence numbers, timestamp and IP
-- about: id identify a packet of TCP; IP id and second identify any other.
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
