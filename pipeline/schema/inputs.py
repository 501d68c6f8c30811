"""Tables that reading the input files fills."""

from __future__ import annotations

from pipeline.schema.declare import table

TABLES = [
    table(
        "captures",
        "input file",
        "run capture_id",
        """
capture_id VARCHAR First 8 hex digits of the hash of node and content; the first part of every flow_id.
node VARCHAR Node the file was taken on; NULL for cluster objects.
file VARCHAR Path inside the capture folder.
kind VARCHAR packets, rules, objects, addresses, translations, requests or unknown.
format VARCHAR Name of its input form.
row_count BIGINT Rows read: kept plus unparsed.
kept_count BIGINT Rows kept.
rejected_count BIGINT Unparsed rows; each is in `rejects`.
first_us BIGINT Time of the first packet.
last_us BIGINT Time of the last packet.
taken_us BIGINT Time of a dump, from its name or its text.
taken_in_utc BOOLEAN Whether that time is certain to be UTC; iptables-save does not write its time zone.
file_bytes BIGINT Size of the file on disk.
sha256 VARCHAR Hash of the file's bytes.""",
    ),
    table(
        "rejects",
        "line that could not be read",
        "run capture_id line_number reason",
        """
capture_id VARCHAR The input file, as in `captures`.
file VARCHAR Path inside the capture folder.
line_number BIGINT Line in the decompressed file, from 1.
reason VARCHAR Why the line was not parsed.
text VARCHAR The line itself, cut at 500 characters.""",
    ),
    table(
        "findings",
        "problem of an input, or fact to know about it",
        "run finding file message",
        """
finding VARCHAR Its name, e.g. missing-chain.
severity VARCHAR error, warning or note.
node VARCHAR Node it is about.
file VARCHAR File it is about.
line_number BIGINT Line it is about.
message VARCHAR The details of the problem.
remedy VARCHAR What to do about it.""",
    ),
    table(
        "packets",
        "captured packet",
        "run capture_id line_number",
        """
node VARCHAR Node it was captured on.
interface VARCHAR Interface it was captured on, where the export has it.
capture_id VARCHAR The input file, as in `captures`.
line_number BIGINT Line in the decompressed file, from 1.
ts_us BIGINT Capture time.
src_ip VARCHAR Source address (ip.src, ipv6.src).
dst_ip VARCHAR Destination address.
protocol VARCHAR tcp, udp, sctp, icmp, icmpv6 or the protocol number.
src_port INTEGER Source port.
dst_port INTEGER Destination port.
frame_bytes INTEGER Length on the wire (frame.len).
tcp_flags INTEGER TCP flags as a number: FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
tcp_seq BIGINT Raw sequence number (tcp.seq_raw).
tcp_ack BIGINT Raw acknowledgement number (tcp.ack_raw).
tcp_payload_bytes INTEGER TCP payload (tcp.len).
tcp_tsval BIGINT TCP timestamp value.
tcp_stream BIGINT tshark's conversation number within its file.
ip_id INTEGER IP identification.
ip_ttl INTEGER IP time to live or hop limit.
request_count INTEGER HTTP requests in the packet, where the export has them.
outer_src_ip VARCHAR Source in the outer header, where the packet came through a tunnel.
outer_dst_ip VARCHAR Destination in the outer header.
outer_protocol VARCHAR Protocol of the tunnel: udp (VXLAN, GENEVE), 47 (GRE), 4 or 41 (IP in IP).
quoted_src_ip VARCHAR Source of the packet that an ICMP error quotes; no flow counts it.
quoted_dst_ip VARCHAR Destination of the packet that an ICMP error quotes.
quoted_protocol VARCHAR Protocol of the packet that an ICMP error quotes.
quoted_src_port INTEGER Source port of the packet that an ICMP error quotes.
quoted_dst_port INTEGER Destination port of the packet that an ICMP error quotes.
icmp_type INTEGER Type of an ICMP or ICMPv6 message.
icmp_code INTEGER Code of the message.""",
        "run node",
    ),
    table(
        "icmp_errors",
        "reporter, quoted flow, kind of error, second",
        "run capture_id first_line",
        """
node VARCHAR Node it was captured on.
capture_id VARCHAR The input file, as in `captures`.
interface VARCHAR Interface it was captured on, where the export has it.
first_line BIGINT Line of the first of these errors in the decompressed file.
reporter_ip VARCHAR Sender of the error.
protocol VARCHAR Protocol of the quoted packet: tcp, udp, sctp.
src_ip VARCHAR Source of the quoted packet.
src_port INTEGER Source port of the quoted packet.
dst_ip VARCHAR Destination of the quoted packet.
dst_port INTEGER Destination port of the quoted packet.
icmp_type INTEGER Type of the message, where the export has it (icmp.type, icmpv6.type).
icmp_code INTEGER Code of the message.
error VARCHAR Type and code as a text, e.g. port unreachable; `unknown` where the export has neither.
first_us BIGINT Time of the first of these errors.
last_us BIGINT Time of the last of these errors.
packet_count BIGINT Number of these errors.""",
        "run node",
    ),
    table(
        "conversations",
        "conversation at one vantage, with client and server not yet identified",
        "run capture_id first_line",
        """
node VARCHAR Node it was captured on.
capture_id VARCHAR The input file, as in `captures`.
interface VARCHAR Interface it was captured on, where the export has it.
protocol VARCHAR tcp, udp, sctp or the protocol number.
lower_ip VARCHAR The one of its two sockets whose address (then port) sorts first as text.
lower_port INTEGER Its port.
upper_ip VARCHAR The other socket.
upper_port INTEGER Its port.
first_line BIGINT Line of its first packet in the decompressed file.
start_us BIGINT Time of its first packet.
end_us BIGINT Time of its last packet.
lower_packets BIGINT Packets from the lower socket.
upper_packets BIGINT Packets from the upper socket.
lower_bytes BIGINT Bytes on the wire from the lower socket.
upper_bytes BIGINT Bytes on the wire from the upper socket.
flagged_packets BIGINT Packets with TCP flags in the export.
lower_syns BIGINT SYNs from the lower socket.
upper_syns BIGINT SYNs from the upper socket.
lower_synacks BIGINT SYN-ACKs from the lower socket.
upper_synacks BIGINT SYN-ACKs from the upper socket.
fins BIGINT Packets with FIN.
rsts BIGINT Packets with RST.
payload_bytes BIGINT TCP payload, both directions.
requests BIGINT HTTP requests, where the export has them.
isn BIGINT Raw sequence number of the first SYN.
tsval BIGINT TCP timestamp value of the first SYN.
syn_tsvals VARCHAR TCP timestamp values of all SYNs, with blanks between; -1 for none.
synack_us BIGINT Time of the first SYN-ACK.
synack_seq BIGINT Raw sequence number of the first SYN-ACK.
synack_ack BIGINT Raw acknowledgement number of the first SYN-ACK.
lower_first_seq BIGINT Raw sequence number of the lower socket's first packet with payload.
lower_first_ack BIGINT Its raw acknowledgement number.
lower_last_seq BIGINT Raw sequence number of the lower socket's last packet with payload.
lower_last_ack BIGINT Its raw acknowledgement number.
upper_first_seq BIGINT Raw sequence number of the upper socket's first packet with payload.
upper_first_ack BIGINT Its raw acknowledgement number.
upper_last_seq BIGINT Raw sequence number of the upper socket's last packet with payload.
upper_last_ack BIGINT Its raw acknowledgement number.
first_ip_id BIGINT IP identification of the first packet that has one.
lower_ttl INTEGER Highest time to live of the lower socket's packets, outside of tunnels.
upper_ttl INTEGER Highest time to live of the upper socket's packets, outside of tunnels.""",
        "run node",
    ),
    table(
        "rules",
        "rule of one node's dump",
        "run node family table_name chain rule_number",
        """
node VARCHAR Node of the dump.
family VARCHAR ip, ip6 or inet.
table_name VARCHAR nat, filter, mangle, raw, ipset, or the nftables table.
chain VARCHAR Chain of the rule; `@name` for elements of an nft set or map, or of an ipset; `(cut short)` for the missing part of a dump that ends early.
rule_number INTEGER Position in its chain, from 1; 0 is the line that declares the chain, with its policy as target (`-` for none).
protocol VARCHAR Protocol it matches; NULL for any.
source VARCHAR Source it matches, `!` in front for not; NULL for any.
destination VARCHAR Destination it matches; NULL for any.
target VARCHAR Chain or target of the jump.
comment VARCHAR Its comment.
packet_count BIGINT Its packet counter, where the dump has counters.
byte_count BIGINT Its byte counter.
spec VARCHAR The rule in the grammar that the tracer reads (iptables-save or nft).
capture_id VARCHAR The input file, as in `captures`.
file VARCHAR Path inside the capture folder.
line_number BIGINT Line in that file.
text VARCHAR The line, verbatim.""",
    ),
    table(
        "conntrack",
        "connection in one node's connection tracking",
        "run capture_id line_number",
        """
node VARCHAR Node that tracks it.
capture_id VARCHAR The input file, as in `captures`.
line_number BIGINT Line in the decompressed file, from 1.
ts_us BIGINT Time of its event; NULL in a listing.
event VARCHAR NEW, UPDATE or DESTROY; NULL in a listing.
protocol VARCHAR tcp, udp, sctp, icmp, ...
src_ip VARCHAR Source before NAT.
src_port INTEGER Its port; NULL where the protocol has none.
dst_ip VARCHAR Destination before NAT.
dst_port INTEGER Its port.
reply_src_ip VARCHAR Source of the replies: the endpoint, after DNAT.
reply_src_port INTEGER Its port.
reply_dst_ip VARCHAR Destination of the replies: the source, after SNAT.
reply_dst_port INTEGER Its port.""",
    ),
    table(
        "recent_clients",
        "client, or list, in a dump of session affinity state",
        "run capture_id line_number list_name ip",
        """
node VARCHAR Node that keeps the list.
capture_id VARCHAR The input file, as in `captures`.
line_number BIGINT Line in the decompressed file, from 1.
list_name VARCHAR Name of the xt_recent list, which is the endpoint's chain; of nftables the name of the set, which ends in the endpoint.
ip VARCHAR Client in the list; NULL on the line that names the list.
last_seen BIGINT When the client last connected, in jiffies of the node.
expires_s INTEGER Seconds until nftables removes it.""",
    ),
    table(
        "client_requests",
        "request that the load generator counted",
        "run capture_id line_number",
        """
capture_id VARCHAR The input file, as in `captures`.
line_number BIGINT Line in the decompressed file, from 1.
ts_us BIGINT When it was answered, by the client's clock, where the tool reports it.
offset_us BIGINT When it was sent, counted from the tool's start, where the tool reports it.
duration_us BIGINT Time from request to answer.
status INTEGER HTTP status; 0 without an answer.
client_ip VARCHAR The client's own address, where the tool reports it.
client_port INTEGER The client's own port.
server_ip VARCHAR Destination address.
server_port INTEGER Destination port.""",
    ),
]
