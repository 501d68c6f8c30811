"""What the input files gave."""

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
format VARCHAR The input form it was recognised as.
row_count BIGINT Rows read: kept plus rejected.
kept_count BIGINT Rows kept.
rejected_count BIGINT Rows rejected; each is in `rejects`.
first_us BIGINT Time of the first packet.
last_us BIGINT Time of the last packet.
taken_us BIGINT When a dump was made, where its name or it says so.
taken_in_utc BOOLEAN Whether that is surely UTC; iptables-save does not tell its zone.
file_bytes BIGINT Size of the file as it lies on disk.
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
reason VARCHAR Why it was rejected.
text VARCHAR The line itself, cut at 500 characters.""",
    ),
    table(
        "findings",
        "thing worth knowing about an input",
        "run finding file message",
        """
finding VARCHAR Its name, e.g. missing-chain.
severity VARCHAR error, warning or note.
node VARCHAR Node it is about.
file VARCHAR File it is about.
line_number BIGINT Line it is about.
message VARCHAR What was found.
remedy VARCHAR What to do about it.""",
    ),
    table(
        "packets",
        "captured packet",
        "run capture_id line_number",
        """
node VARCHAR Node it was captured on.
interface VARCHAR Interface it was captured on, where the export says so.
capture_id VARCHAR The input file, as in `captures`.
line_number BIGINT Line in the decompressed file, from 1.
ts_us BIGINT Capture time.
src_ip VARCHAR Source address (ip.src, ipv6.src).
dst_ip VARCHAR Destination address.
protocol VARCHAR tcp, udp, sctp, icmp, icmpv6 or the protocol's number.
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
request_count INTEGER HTTP requests in the packet, where the export says so.
outer_src_ip VARCHAR Source of the header around it, where it came through a tunnel.
outer_dst_ip VARCHAR Destination of the header around it.
outer_protocol VARCHAR What carried it: udp (VXLAN, GENEVE), 47 (GRE), 4 or 41 (IP in IP).
quoted_src_ip VARCHAR Source of the packet that an ICMP error quotes; it is counted in no flow.
quoted_dst_ip VARCHAR Destination of the packet that an ICMP error quotes.
quoted_protocol VARCHAR Protocol of the packet that an ICMP error quotes.
quoted_src_port INTEGER Source port of the packet that an ICMP error quotes.
quoted_dst_port INTEGER Destination port of the packet that an ICMP error quotes.
icmp_type INTEGER Type of an ICMP or ICMPv6 message.
icmp_code INTEGER Its code.""",
        "run node",
    ),
    table(
        "icmp_errors",
        "reporter, quoted flow, kind of error, second",
        "run capture_id first_line",
        """
node VARCHAR Node it was captured on.
capture_id VARCHAR The input file, as in `captures`.
interface VARCHAR Interface it was captured on, where the export says so.
first_line BIGINT Line of the first of these errors in the decompressed file.
reporter_ip VARCHAR Who sent the error.
protocol VARCHAR Protocol of the packet that it quotes: tcp, udp, sctp.
src_ip VARCHAR Source of the packet that it quotes.
src_port INTEGER Source port of that packet.
dst_ip VARCHAR Destination of that packet.
dst_port INTEGER Destination port of that packet.
icmp_type INTEGER Type of the message, where the export says so (icmp.type, icmpv6.type).
icmp_code INTEGER Its code.
error VARCHAR The same in words, e.g. port unreachable; `unknown` where the export does not say.
first_us BIGINT Time of the first of them.
last_us BIGINT Time of the last of them.
packet_count BIGINT How many there were.""",
        "run node",
    ),
    table(
        "conversations",
        "conversation at one vantage, client and server not yet told apart",
        "run capture_id first_line",
        """
node VARCHAR Node it was captured on.
capture_id VARCHAR The input file, as in `captures`.
interface VARCHAR Interface it was captured on, where the export says so.
protocol VARCHAR tcp, udp, sctp or the protocol's number.
lower_ip VARCHAR Of its two sockets, the one whose address (then port) comes first as text.
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
flagged_packets BIGINT Packets whose TCP flags the export tells.
lower_syns BIGINT SYNs from the lower socket.
upper_syns BIGINT SYNs from the upper socket.
lower_synacks BIGINT SYN-ACKs from the lower socket.
upper_synacks BIGINT SYN-ACKs from the upper socket.
fins BIGINT Packets with FIN.
rsts BIGINT Packets with RST.
payload_bytes BIGINT TCP payload, both directions.
requests BIGINT HTTP requests, where the export says so.
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
node VARCHAR Node the dump is from.
family VARCHAR ip, ip6 or inet.
table_name VARCHAR nat, filter, mangle, raw, ipset, or the nftables table.
chain VARCHAR Chain the rule stands in; `@name` for elements of an nft set or map, or of an ipset; `(cut short)` for what a dump that ends early may lack.
rule_number INTEGER Place in its chain, from 1; 0 is the line that declares the chain, its target the policy (`-` for none).
protocol VARCHAR Protocol it matches; NULL for any.
source VARCHAR Source it matches, `!` in front for not; NULL for any.
destination VARCHAR Destination it matches; NULL for any.
target VARCHAR Where it jumps, or what it does.
comment VARCHAR Its comment.
packet_count BIGINT Its packet counter, where the dump has counters.
byte_count BIGINT Its byte counter.
spec VARCHAR The rule in the grammar the tracer reads (iptables-save's, or nft's).
capture_id VARCHAR The input file, as in `captures`.
file VARCHAR Path inside the capture folder.
line_number BIGINT Line in that file.
text VARCHAR The line, verbatim.""",
    ),
    table(
        "conntrack",
        "connection as one node's kernel tracked it",
        "run capture_id line_number",
        """
node VARCHAR Node whose kernel it was.
capture_id VARCHAR The input file, as in `captures`.
line_number BIGINT Line in the decompressed file, from 1.
ts_us BIGINT When an event of it was seen; NULL in a listing.
event VARCHAR NEW, UPDATE or DESTROY; NULL in a listing.
protocol VARCHAR tcp, udp, sctp, icmp, ...
src_ip VARCHAR Source before translation.
src_port INTEGER Its port; NULL where the protocol has none.
dst_ip VARCHAR Destination before translation.
dst_port INTEGER Its port.
reply_src_ip VARCHAR Where replies come from: the endpoint, after translation.
reply_src_port INTEGER Its port.
reply_dst_ip VARCHAR Where replies go to: the source, after translation.
reply_dst_port INTEGER Its port.""",
    ),
    table(
        "recent_clients",
        "client, or list, in a dump of what session affinity remembers",
        "run capture_id line_number list_name ip",
        """
node VARCHAR Node that remembers.
capture_id VARCHAR The input file, as in `captures`.
line_number BIGINT Line in the decompressed file, from 1.
list_name VARCHAR The list, which has the name of the endpoint's chain; of nftables the set's, which ends in the endpoint.
ip VARCHAR Client remembered; NULL on the line that names the list.
last_seen BIGINT When it was last seen, in jiffies of the node.
expires_s INTEGER How long nftables would remember it still.""",
    ),
    table(
        "client_requests",
        "request as the load generator counted it",
        "run capture_id line_number",
        """
capture_id VARCHAR The input file, as in `captures`.
line_number BIGINT Line in the decompressed file, from 1.
ts_us BIGINT When it was answered, by the client's clock, where the tool says so.
offset_us BIGINT When it was sent, from the tool's start, where it says so.
duration_us BIGINT How long it took.
status INTEGER HTTP status; 0 where there was no answer.
client_ip VARCHAR The client's own address, where the tool says so.
client_port INTEGER The client's own port.
server_ip VARCHAR Address it dialled.
server_port INTEGER Port it dialled.""",
    ),
]
