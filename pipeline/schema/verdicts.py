"""What the counts mean: judged by service, with what chance allows."""

from __future__ import annotations

from pipeline.schema.declare import table

TABLES = [
    table(
        "verdicts",
        "service",
        "run service",
        """
service VARCHAR namespace/name.
verdict VARCHAR even, uneven or unknown.
cause VARCHAR Where it comes from: nodes (what each received), rules (what they chose), clients (few, or of unequal weight); NULL for chance.
doubt VARCHAR Why it is unknown; NULL where it is not.
connection_count BIGINT Connections of the service that its rules did not drop.
judged_count BIGINT Those whose pod is known and whose node's rules are.
lost_count BIGINT Those that the rules sent to a pod that is not known.
outside_count BIGINT Those that reached a pod which their node's rules do not have.
choice_count BIGINT Judged ones that session affinity did not decide.
client_count BIGINT Clients, each address once.
effective_clients DOUBLE As many clients of equal weight would make shares as unsteady.
pod_count BIGINT Pods that the rules may choose.
node_count BIGINT Nodes with rules where the connections entered.
arrival_node_count BIGINT Nodes where connections from outside the cluster entered.
p_value DOUBLE How often fair runs are at least as uneven, over nodes and pods, all services considered (Holm); NULL if unknown.
chance_share DOUBLE The same for this service alone, as if no other had been asked.
rules_p_value DOUBLE The same for the choice of pods by the nodes' rules alone; NULL where there is no choice.
nodes_p_value DOUBLE The same for an even hash over the nodes alone; NULL where there was one node, or no traffic from outside.
chi_square DOUBLE Pearson's statistic of the choices.
freedom_count BIGINT Its degrees of freedom.
is_drawn BOOLEAN Whether fair runs were drawn to compare with, because few were expected somewhere.
jain_index DOUBLE Jain's index of the choices against what is expected: 1 for even.
jain_limit_index DOUBLE 95 % of fair runs have at least this.
peak_ratio DOUBLE How many times its expected choices the most loaded pod got; maximum over mean where shares are equal.
peak_limit_ratio DOUBLE 95 % of fair runs have at most this.
pod VARCHAR The pod furthest above what is expected of it; NULL where nodes are the cause and pods do not show it.
pod_share DOUBLE Its share of the judged connections.
pod_expected_share DOUBLE What the rules give it of what its nodes received; where nodes are the cause, of an even split.
node VARCHAR The node that received most.
node_share DOUBLE Its share of what came from outside.""",
    ),
    table(
        "expected_shares",
        "service and pod that its rules may choose",
        "run service served_by",
        """
service VARCHAR namespace/name.
served_by VARCHAR As in `distribution_paths`.
connection_count BIGINT Judged connections, as in `verdicts`.
connection_share DOUBLE Their share of the service's.
expected_share DOUBLE Each node's rules, weighted by what that node received.
choice_count BIGINT Those that session affinity did not decide.
expected_choices DOUBLE What the rules give of these.
low_count BIGINT 2.5 % of fair runs give fewer choices.
high_count BIGINT 2.5 % of fair runs give more.
request_count BIGINT HTTP requests, where the export says so.
byte_count BIGINT Bytes of the anchor flows, both directions.""",
    ),
    table(
        "skew_parts",
        "service and part of its skew",
        "run service part",
        """
service VARCHAR namespace/name.
part VARCHAR nodes, rules, clients or chance, as in `verdicts`.
deviance DOUBLE Twice the log-likelihood ratio against an even hash over nodes and the nodes' rules; parts add up.
deviance_share DOUBLE Its share of the service's.
chance_deviance DOUBLE What fair runs of as many lone connections give on average: the degrees of freedom; on the row `chance`.""",
    ),
]
