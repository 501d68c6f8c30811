"""Every table and column, declared once: type, unit, meaning. The lake, the SQL, the checks and the docs read it.

One line a column: `name TYPE meaning`. Units are in the suffix: `_us` microseconds since 1970 UTC, `_bytes`, `_count`,
`_share` (0 to 1), `_s` seconds. NULL means not known; columns with fixed words say `unknown` instead.
"""

from __future__ import annotations

from dataclasses import dataclass

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: SQL type (BIGINT, INTEGER, DOUBLE, BOOLEAN or VARCHAR) and what it means."""

    name: str
    type: str
    about: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table: `grain` says what one row is; `key` columns tell rows apart; `partitions` are folders, not file columns."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitions: tuple[str, ...] = ("run",)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(c.name for c in self.columns)

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """The columns that a Parquet file of this table holds (partitions are in its path)."""
        return tuple(c for c in self.columns if c.name not in self.partitions)


def _table(name: str, grain: str, key: str, text: str, partitions: str = "run") -> Table:
    columns = [
        Column(*line.split(None, 2)) for line in ("run VARCHAR The load test this row belongs to." + text).splitlines()
    ]
    return Table(name, grain, tuple(key.split()), tuple(columns), tuple(partitions.split()))


_INPUTS = [
    _table(
        "captures",
        "input file",
        "run capture_id",
        """
capture_id VARCHAR First 8 hex digits of the hash of node and content; the first part of every flow_id.
node VARCHAR Node the file was taken on; NULL for cluster objects.
file VARCHAR Path inside the capture folder.
kind VARCHAR packets, rules, objects, addresses or unknown.
format VARCHAR The input form it was recognised as.
row_count BIGINT Rows read: kept plus rejected.
kept_count BIGINT Rows kept.
rejected_count BIGINT Rows rejected; each is in `rejects`.
first_us BIGINT Time of the first packet.
last_us BIGINT Time of the last packet.
file_bytes BIGINT Size of the file as it lies on disk.
sha256 VARCHAR Hash of the file's bytes.""",
    ),
    _table(
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
    _table(
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
    _table(
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
request_count INTEGER HTTP requests in the packet, where the export says so.""",
        "run node",
    ),
    _table(
        "rules",
        "rule of one node's dump",
        "run node family table_name chain rule_number",
        """
node VARCHAR Node the dump is from.
family VARCHAR ip, ip6 or inet.
table_name VARCHAR nat, filter, mangle, raw, or the nftables table.
chain VARCHAR Chain the rule stands in.
rule_number INTEGER Place in its chain, from 1.
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
]

_OBJECTS = [
    _table(
        "services",
        "Service at one time",
        "run service valid_from_us",
        """
service VARCHAR namespace/name.
namespace VARCHAR Its namespace.
name VARCHAR Its name.
type VARCHAR ClusterIP, NodePort, LoadBalancer or ExternalName.
session_affinity VARCHAR None or ClientIP.
affinity_s INTEGER Affinity timeout in seconds.
external_traffic_policy VARCHAR Cluster or Local.
internal_traffic_policy VARCHAR Cluster or Local.
valid_from_us BIGINT From when this was so; NULL if not known.
valid_to_us BIGINT Until when this was so; NULL if not known or still so.""",
    ),
    _table(
        "service_ports",
        "address and port a Service is dialled at",
        "run service protocol ip port kind valid_from_us",
        """
service VARCHAR namespace/name.
port_name VARCHAR Name of the port; NULL for a single unnamed one.
protocol VARCHAR tcp, udp or sctp.
kind VARCHAR cluster-ip, load-balancer, external-ip or node-port.
ip VARCHAR Address dialled; NULL for node-port: any node's.
port INTEGER Port dialled.
service_port INTEGER The Service's own port number.
target_port VARCHAR The pods' port, a number or a name.
valid_from_us BIGINT From when this was so.
valid_to_us BIGINT Until when this was so.""",
    ),
    _table(
        "endpoints",
        "endpoint of a Service's port",
        "run service protocol ip port valid_from_us",
        """
service VARCHAR namespace/name.
port_name VARCHAR Name of the Service's port.
protocol VARCHAR tcp, udp or sctp.
ip VARCHAR Endpoint address.
port INTEGER Endpoint port.
pod VARCHAR namespace/name of the pod behind it.
node VARCHAR Node it runs on.
ready BOOLEAN Whether it was ready.
valid_from_us BIGINT From when this was so.
valid_to_us BIGINT Until when this was so.""",
    ),
    _table(
        "pods",
        "address of a pod at one time",
        "run pod ip valid_from_us",
        """
pod VARCHAR namespace/name.
namespace VARCHAR Its namespace.
name VARCHAR Its name.
ip VARCHAR One of its addresses.
node VARCHAR Node it runs on.
host_network BOOLEAN Whether it shares the node's address.
phase VARCHAR Pending, Running, Succeeded, Failed or Unknown.
valid_from_us BIGINT From when it had the address.
valid_to_us BIGINT Until when it had the address.""",
    ),
    _table(
        "nodes",
        "node at one time",
        "run node valid_from_us",
        """
node VARCHAR Its name.
internal_ip VARCHAR Its internal address (the first, where it has several).
external_ip VARCHAR Its external address.
pod_cidrs VARCHAR Its pod ranges, comma-separated.
zone VARCHAR Its zone.
valid_from_us BIGINT From when this was so.
valid_to_us BIGINT Until when this was so.""",
    ),
    _table(
        "node_addresses",
        "address or range of a node",
        "run node cidr kind",
        """
node VARCHAR Its name.
cidr VARCHAR The address (10.220.1.4/32), or the range its pods live in.
kind VARCHAR node (Node object), interface (ip addr), or pods (pod range).
interface VARCHAR Interface it is on, where known.""",
    ),
]

_DECISIONS = [
    _table(
        "decisions",
        "endpoint that one node's rules may choose for one class of packets",
        "run node protocol dst_ip dst_port source_class endpoint_ip endpoint_port",
        """
node VARCHAR Node whose rules these are.
trace_id VARCHAR The trace that decided; its rules are in `trace_steps`.
protocol VARCHAR tcp, udp or sctp.
dst_ip VARCHAR Destination as dialled.
dst_port INTEGER Destination port as dialled.
source_class INTEGER Number of the class of sources, as in `source_classes`.
source VARCHAR The class of sources in words.
service VARCHAR namespace/name that owns the destination.
service_port INTEGER The Service's own port number.
chain VARCHAR Service chain that was entered.
endpoint_ip VARCHAR Endpoint chosen; NULL where there is none.
endpoint_port INTEGER Its port.
probability DOUBLE Its share, 0 to 1; NULL where the rules shown do not tell.
source_nat BOOLEAN Whether the source is rewritten; NULL if not known.
affinity_s INTEGER Seconds the choice is remembered by client address; NULL for never.
verdict VARCHAR dnat, accept, drop, reject or none.
certain BOOLEAN Whether the rules shown allow nothing else.
uncertain_because VARCHAR Why not, naming the rule.""",
    ),
    _table(
        "trace_steps",
        "rule followed by a trace",
        "run trace_id step",
        """
trace_id VARCHAR The trace.
step INTEGER Order of following, from 1.
table_name VARCHAR Table of the rule.
chain VARCHAR Chain of the rule.
file VARCHAR File it stands in.
line_number BIGINT Line it stands on.
text VARCHAR The line, verbatim.""",
    ),
    _table(
        "source_classes",
        "source address seen on a node with rules",
        "run node src_ip",
        """
node VARCHAR Node whose rules these are.
src_ip VARCHAR Address seen as a source there.
source_class INTEGER Class of sources that the rules treat alike.""",
    ),
    _table(
        "addresses",
        "address seen in packets or rules",
        "run ip",
        """
ip VARCHAR The address.
owner_node VARCHAR Node that has it on an interface; NULL for none known.
host_node VARCHAR Node whose pod range it lies in.
is_private BOOLEAN Whether it is from a private range.
in_pod_range BOOLEAN Whether it lies in the cluster's pod range; NULL if that is not known.""",
    ),
]

_RESULTS = [
    _table(
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
label VARCHAR Label of its connection.
evidence VARCHAR Evidence of that label.""",
    ),
    _table(
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
]

_MARTS = [
    _table(
        "distribution_labels",
        "service, label, hop, source_nat, affinity and evidence",
        "run service label hop source_nat affinity evidence",
        """
service VARCHAR namespace/name; NULL for no service's.
label VARCHAR As in `connections`.
hop VARCHAR As in `connections`.
source_nat BOOLEAN As in `connections`.
affinity VARCHAR As in `connections`.
evidence VARCHAR As in `connections`.
connection_count BIGINT Connections.""",
    ),
    _table(
        "distribution_paths",
        "service, way in and pod",
        "run service entered_at served_by pod_node hop",
        """
service VARCHAR namespace/name.
entered_at VARCHAR Ingress node; the address it rewrote clients to where its name is not known; NULL if neither is.
served_by VARCHAR namespace/name of the pod; its address where its name is not known; NULL if neither is.
pod_node VARCHAR Node of the pod.
hop VARCHAR As in `connections`.
connection_count BIGINT Connections.
request_count BIGINT HTTP requests, where the export says so.
byte_count BIGINT Bytes of the anchor flows, both directions.""",
    ),
    _table(
        "distribution_unlabelled",
        "service, way in and reason",
        "run service entered_at reason",
        """
service VARCHAR namespace/name; NULL if not known.
entered_at VARCHAR As in `distribution_paths`.
reason VARCHAR Why they are unlabelled.
connection_count BIGINT Connections.""",
    ),
    _table(
        "distribution_times",
        "service, label, way in and time bucket",
        "run service label entered_at bucket_us",
        """
service VARCHAR namespace/name; NULL for no service's.
label VARCHAR As in `connections`.
entered_at VARCHAR As in `distribution_paths`.
bucket_us BIGINT Begin of the bucket.
width_us BIGINT Width of the buckets; one for the whole run.
connection_count BIGINT Connections that began in it.""",
    ),
]

INPUT_TABLES: tuple[str, ...] = tuple(t.name for t in (*_INPUTS, *_OBJECTS))
TABLES: dict[str, Table] = {t.name: t for t in (*_INPUTS, *_OBJECTS, *_DECISIONS, *_RESULTS, *_MARTS)}

LABELS: dict[str, str] = {
    "affinity-pinned": "Session affinity sent it to the endpoint its client had before, on the same node.",
    "snat-forwarded": "Served on another node than it entered at; the client's address was replaced.",
    "direct": "Served on the node it entered at.",
    "forwarded": "Served on another node than it entered at; the client's address was kept.",
    "pod-to-pod": "A pod's address was dialled directly.",
    "dropped": "The node's rules drop or reject it.",
    "other": "Not a Service's traffic.",
    "unlabelled": "Not decidable from what was captured; `reason` says why.",
}

EVIDENCE: dict[str, str] = {
    "conntrack": "A conntrack dump says so.",
    "stitched": "Seen before and after translation, joined exactly.",
    "rules": "The node's rules allow only this outcome.",
    "addresses": "Source and destination alone tell.",
    "absence": "No leg to another node was captured where one would have been.",
    "time": "Legs joined by time, unique within what the rules permit.",
    "assumed": "A private source outside the pod range, taken for a node.",
    "unknown": "Nothing tells.",
}


def empty(table: str) -> Row:
    """A row of `table` with every column NULL."""
    return dict.fromkeys(TABLES[table].names)


def schema_text() -> str:
    """Every table and column with type and meaning."""
    lines = []
    for table in TABLES.values():
        lines += [f"{table.name}: one row per {table.grain}; key {', '.join(table.key)}"]
        lines += [f"  {c.name:<24}{c.type:<9}{c.about}" for c in table.columns] + [""]
    return "\n".join(lines)
