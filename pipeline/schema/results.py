"""What happened: flows and connections."""

from __future__ import annotations

from pipeline.schema.declare import table

TABLES = [
    table(
        "flows",
        "conversation at one vantage",
        "run flow_id",
        """
node VARCHAR Node it was seen on.
interface VARCHAR Interface it was seen on.
flow_id VARCHAR capture_id, a dash, and the line of its first packet.
connection_id VARCHAR Connection it is part of; NULL if it could not be joined to one.
leg VARCHAR ingress, forward or delivery; `unknown` where it is none of these for sure.
protocol VARCHAR tcp, udp, sctp, ...
src_ip VARCHAR Client side address, as seen here.
src_port INTEGER Client side port, as seen here.
dst_ip VARCHAR Server side address, as seen here.
dst_port INTEGER Server side port, as seen here.
start_us BIGINT First packet.
end_us BIGINT Last packet.
packet_count BIGINT Packets from client to server.
byte_count BIGINT Bytes on the wire from client to server.
reply_packet_count BIGINT Packets from server to client.
reply_byte_count BIGINT Bytes on the wire from server to client.
syn_count BIGINT SYNs from the client.
fin_count BIGINT FINs, both directions.
rst_count BIGINT RSTs, both directions.
request_count BIGINT HTTP requests, where the export says so.
tcp_isn BIGINT Client's initial sequence number.
tcp_tsval BIGINT Timestamp value of the first SYN.
icmp_error_count BIGINT ICMP errors that speak of it; those seen on several interfaces count once.
icmp_errors VARCHAR What they say, with commas between: port unreachable, packet too big, ...
label VARCHAR Label of its connection.
evidence VARCHAR Evidence of that label.""",
    ),
    table(
        "connections",
        "conversation",
        "run connection_id",
        """
connection_id VARCHAR The flow_id of its anchor: the ingress leg if seen.
protocol VARCHAR tcp, udp, sctp, ...
client_ip VARCHAR Client's address; NULL if hidden behind SNAT.
client_port INTEGER Client's port; NULL if hidden behind SNAT.
dest_ip VARCHAR Address the client dialled; NULL if no leg shows it.
dest_port INTEGER Port the client dialled.
service VARCHAR namespace/name.
service_port INTEGER The Service's own port number.
ingress_node VARCHAR Node whose rules translated it.
pod VARCHAR namespace/name of the pod that served it.
pod_ip VARCHAR Address of the endpoint that served it.
pod_port INTEGER Port of the endpoint.
pod_node VARCHAR Node of the endpoint.
hop VARCHAR local, forwarded, none or unknown.
source_nat BOOLEAN Whether the source was rewritten; NULL if not known.
snat_ip VARCHAR Address it was rewritten to, as seen.
snat_port INTEGER Port it was rewritten to, as seen.
affinity VARCHAR none, first, pinned, moved, expired, hidden or unknown.
affinity_reason VARCHAR Why, where there is a reason to give.
label VARCHAR The one word to group by; see the reference of labels.
evidence VARCHAR The strongest ground for the label; see the reference of evidence.
reason VARCHAR Why it is unlabelled, or what the label rests on where that is less than whole.
candidates VARCHAR What it could be, with shares, where that is not decided.
trace_id VARCHAR The trace of the rules that decided; NULL where none did.
start_us BIGINT First packet of the anchor flow.
end_us BIGINT Last packet of the anchor flow.
packet_count BIGINT Packets of the anchor flow, both directions.
byte_count BIGINT Bytes of the anchor flow, both directions.
request_count BIGINT HTTP requests, where the export says so.
flow_count BIGINT Flows joined into it.""",
    ),
    table(
        "clock_offsets",
        "pair of nodes",
        "run node other_node",
        """
node VARCHAR One node.
other_node VARCHAR The other, later in the alphabet.
offset_us BIGINT How far the other's clock is ahead of the first's; negative for behind.
spread_us BIGINT How far the middle nine tenths of all samples lie apart; large where a clock moved meanwhile.
round_trip_us BIGINT The quickest way there and back; the offset is wrong by at most half of it. NULL where no answer was seen on both.
sample_count BIGINT Packets seen on both nodes that it rests on.""",
    ),
]
