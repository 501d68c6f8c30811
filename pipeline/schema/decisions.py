"""What the rules do, and whose addresses are whose."""

from __future__ import annotations

from pipeline.schema.declare import table

TABLES = [
    table(
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
certain BOOLEAN Whether the rules shown allow nothing else; a nat table alone does not show what a filter may drop.
uncertain_because VARCHAR Why not, naming the rule; several reasons are separated by "; ".
uncertain_codes VARCHAR The kinds of these reasons, each once, separated by ", "; see `how-rules-are-traced`.""",
    ),
    table(
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
    table(
        "source_classes",
        "source address seen on a node with rules",
        "run node src_ip",
        """
node VARCHAR Node whose rules these are.
src_ip VARCHAR Address seen as a source there.
source_class INTEGER Class of sources that the rules treat alike.""",
    ),
    table(
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
