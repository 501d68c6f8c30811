"""Tables of the traced rules, and of the owners of addresses."""

from __future__ import annotations

from pipeline.schema.declare import table

TABLES = [
    table(
        "decisions",
        "endpoint that one node's rules may choose for one class of packets",
        "run node protocol dst_ip dst_port source_class endpoint_ip endpoint_port",
        """
node VARCHAR Node that has the rules.
trace_id VARCHAR The trace that produced it; its rules are in `trace_steps`.
protocol VARCHAR tcp, udp or sctp.
dst_ip VARCHAR Destination address before DNAT.
dst_port INTEGER Destination port before DNAT.
source_class INTEGER Number of the source class, as in `source_classes`.
source VARCHAR The source class as a text.
service VARCHAR namespace/name of the Service that has the destination.
service_port INTEGER The Service's own port number.
chain VARCHAR First chain of the Service.
endpoint_ip VARCHAR Chosen endpoint; NULL for none.
endpoint_port INTEGER Its port.
probability DOUBLE Its share, 0 to 1; NULL where the dumped rules do not show it.
source_nat BOOLEAN Whether the connection is SNATed; NULL if unknown.
affinity_s INTEGER Timeout of session affinity by client address, in seconds; NULL for no affinity.
verdict VARCHAR dnat, accept, drop, reject or none.
certain BOOLEAN Whether the dumped rules allow no other outcome; a nat table alone does not show what the filter table may drop.
uncertain_because VARCHAR Why it is uncertain, with the rule; several reasons are separated by "; ".
uncertain_codes VARCHAR The kinds of these reasons, each once, separated by ", "; see `how-rules-are-traced`.""",
    ),
    table(
        "trace_steps",
        "rule followed by a trace",
        "run trace_id step",
        """
trace_id VARCHAR Name of the trace.
step INTEGER Position in the trace, from 1.
table_name VARCHAR Table of the rule.
chain VARCHAR Chain of the rule.
file VARCHAR File of the rule.
line_number BIGINT Line of the rule.
text VARCHAR The line, verbatim.""",
    ),
    table(
        "source_classes",
        "source address captured on a node with rules",
        "run node src_ip",
        """
node VARCHAR Node that has the rules.
src_ip VARCHAR Source address captured there.
source_class INTEGER Number of the class of sources that the rules treat alike.""",
    ),
    table(
        "addresses",
        "address in packets or rules",
        "run ip",
        """
ip VARCHAR The address.
owner_node VARCHAR Node that has it on an interface; NULL if unknown.
host_node VARCHAR Node whose pod range contains it.
is_private BOOLEAN Whether it is in a private range.
in_pod_range BOOLEAN Whether it is in the cluster's pod range; NULL if unknown.""",
    ),
]
