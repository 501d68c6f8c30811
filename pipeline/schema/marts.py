"""What the report counts."""

from __future__ import annotations

from pipeline.schema.declare import table

TABLES = [
    table(
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
    table(
        "distribution_paths",
        "service, way in and pod",
        "run service entered_at served_by pod_node hop",
        """
service VARCHAR namespace/name; NULL if not known.
entered_at VARCHAR Ingress node; the address it rewrote clients to where its name is not known; NULL if neither is.
served_by VARCHAR namespace/name of the pod; its address where its name is not known; NULL if neither is.
pod_node VARCHAR Node of the pod.
hop VARCHAR As in `connections`.
connection_count BIGINT Connections.
request_count BIGINT HTTP requests, where the export says so.
byte_count BIGINT Bytes of the anchor flows, both directions.""",
    ),
    table(
        "distribution_unlabelled",
        "service, way in and reason",
        "run service entered_at reason",
        """
service VARCHAR namespace/name; NULL if not known.
entered_at VARCHAR As in `distribution_paths`.
reason VARCHAR Why they are unlabelled.
connection_count BIGINT Connections.""",
    ),
    table(
        "distribution_times",
        "service, label, way in and time bucket",
        "run service label entered_at bucket_us",
        """
service VARCHAR namespace/name; NULL for no service's.
label VARCHAR As in `connections`.
entered_at VARCHAR As in `distribution_paths`.
bucket_us BIGINT Begin of the bucket, by the clock that all nodes are held against (`clock_offsets`).
width_us BIGINT Width of the buckets; one for the whole run.
connection_count BIGINT Connections that began in it.""",
    ),
    table(
        "distribution_choices",
        "service, node's group of like rules and pod",
        "run service node rule_group served_by pod_node",
        """
service VARCHAR namespace/name.
node VARCHAR Ingress node; NULL if not known.
rule_group VARCHAR The first of its traces that give the same endpoints the same shares; NULL where nothing certain is known.
served_by VARCHAR As in `distribution_paths`; NULL if not known.
pod_node VARCHAR Node of the pod, which may be known where the pod is not.
rule_share DOUBLE What the rules give this pod of what they translate; NULL where they do not have it.
connection_count BIGINT Connections.
choice_count BIGINT Connections that session affinity did not decide.
request_count BIGINT HTTP requests, where the export says so.
byte_count BIGINT Bytes of the anchor flows, both directions.""",
    ),
    table(
        "distribution_arrivals",
        "service and node",
        "run service node",
        """
service VARCHAR namespace/name.
node VARCHAR Node where connections from outside the cluster entered.
connection_count BIGINT Connections.
client_count BIGINT Clients, each address once.
all_client_count BIGINT Clients of the whole service, each address once.""",
    ),
    table(
        "distribution_clients",
        "service and number of pods that a client reached",
        "run service pod_count",
        """
service VARCHAR namespace/name.
pod_count BIGINT How many pods each of these clients reached.
client_count BIGINT Clients, each address once.
connection_count BIGINT Connections of theirs.
square_count BIGINT Sum of the squares of each client's connections.
most_node_count BIGINT The most nodes that one of these clients entered at.""",
    ),
    table(
        "distribution_affinities",
        "service with session affinity, node, outcome and its reason",
        "run service node affinity affinity_reason",
        """
service VARCHAR namespace/name.
node VARCHAR Ingress node; NULL if not known.
affinity VARCHAR As in `connections`.
affinity_reason VARCHAR As in `connections`.
connection_count BIGINT Connections.
client_count BIGINT Clients, each address once.""",
    ),
    table(
        "distribution_pod_times",
        "service, pod and time bucket",
        "run service served_by bucket_us",
        """
service VARCHAR namespace/name.
served_by VARCHAR As in `distribution_paths`.
bucket_us BIGINT Begin of the bucket.
width_us BIGINT Width of the buckets, as in `distribution_times`.
connection_count BIGINT Connections that began in it.""",
    ),
    table(
        "distribution_sources",
        "service, clients' group, way in and pod",
        "run service client_group entered_at served_by",
        """
service VARCHAR namespace/name.
client_group VARCHAR Network of the client (/24, IPv6 /32), `pods`, `nodes`, or `other networks`; NULL if it is not known.
entered_at VARCHAR As in `distribution_paths`.
served_by VARCHAR As in `distribution_paths`, or the pods of a node where which of them it was is not known.
connection_count BIGINT Connections.
client_count BIGINT Clients, each address once.
request_count BIGINT HTTP requests, where the export says so.
byte_count BIGINT Bytes of the anchor flows, both directions.""",
    ),
    table(
        "distribution_lists",
        "service port, node and endpoint",
        "run service service_port node pod_ip pod_port",
        """
service VARCHAR namespace/name.
service_port INTEGER The Service's own port number.
node VARCHAR Node that remembers clients.
pod_ip VARCHAR Address of the endpoint.
pod_port INTEGER Port of the endpoint.
pod VARCHAR namespace/name of its pod; NULL if not known.
client_count BIGINT Clients that the node sent there, each address once.
connection_count BIGINT Connections of theirs.""",
    ),
    table(
        "distribution_losses",
        "input file",
        "run capture_id",
        """
capture_id VARCHAR The input file, as in `captures`.
node VARCHAR Node it was captured on.
file VARCHAR Path inside the capture folder.
due_count BIGINT Packets of TCP handshakes that must have been there.
missing_count BIGINT Those that were not captured.
flow_count BIGINT TCP flows.
one_sided_count BIGINT Those of which one direction alone was captured.""",
    ),
    table(
        "distribution_events",
        "event of a service, node and pod",
        "run event service node pod at_us",
        """
event VARCHAR first-chosen, last-chosen, pod-began, pod-ended, endpoint-gone or rules-dumped.
service VARCHAR namespace/name; NULL for what concerns no service alone.
node VARCHAR Node whose rules, pod or dump it is about.
pod VARCHAR namespace/name of the pod, or its address.
at_us BIGINT When.
connection_count BIGINT Connections that this node had chosen for without the pod before, or after; or that found their endpoint gone.
expected_choices DOUBLE How many of these the pod should have got, by its share of the whole run.""",
    ),
    table(
        "distribution_durations",
        "service, class of durations",
        "run service least_us is_long",
        """
service VARCHAR namespace/name.
least_us BIGINT The shortest duration of the class: 0, 10 ms, 100 ms, 1 s, 10 s, 1 or 10 minutes.
is_long BOOLEAN Whether they lasted more than half of the run's time.
connection_count BIGINT Connections.
request_count BIGINT HTTP requests, where the export says so.
byte_count BIGINT Bytes of the anchor flows, both directions.""",
    ),
    table(
        "distribution_ports",
        "rewritten source address and endpoint",
        "run snat_ip protocol pod_ip pod_port",
        """
snat_ip VARCHAR Address that stands for clients.
protocol VARCHAR tcp, udp or sctp.
pod_ip VARCHAR Address of the endpoint.
pod_port INTEGER Port of the endpoint.
pod VARCHAR namespace/name of its pod; NULL if not known.
service VARCHAR namespace/name; NULL if not known, or several.
node VARCHAR Node that rewrites; NULL if not known.
connection_count BIGINT Connections.
held_count BIGINT Ports held at once, at the most.
least_port INTEGER The lowest port seen.
most_port INTEGER The highest port seen.
range_count BIGINT Ports that there are: 64,512, or what the node's rules say.
range_share DOUBLE Share of these that was held.
peak_us BIGINT When that was first so.""",
    ),
    table(
        "distribution_port_times",
        "rewritten source address, endpoint and time bucket",
        "run snat_ip protocol pod_ip pod_port bucket_us",
        """
snat_ip VARCHAR Address that stands for clients.
protocol VARCHAR tcp, udp or sctp.
pod_ip VARCHAR Address of the endpoint.
pod_port INTEGER Port of the endpoint.
bucket_us BIGINT Begin of the bucket.
width_us BIGINT Width of the buckets, as in `distribution_times`.
held_count BIGINT Ports held at its end.""",
    ),
    table(
        "distribution_returns",
        "service with session affinity, and where its clients came back to",
        "run service service_port same_node same_pod",
        """
service VARCHAR namespace/name.
service_port INTEGER The Service's own port number.
same_node BOOLEAN Whether the client's previous connection entered at the same node; NULL if not known.
same_pod BOOLEAN Whether the client's previous connection, on any node, reached the same pod; NULL if not known.
connection_count BIGINT Connections of clients that had one before.
client_count BIGINT Clients, each address once.""",
    ),
]
