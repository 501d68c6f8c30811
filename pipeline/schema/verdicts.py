"""Tables of the statistical tests: one verdict per Service, with expected shares and parts."""

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
cause VARCHAR Cause of the imbalance: nodes (what each received), rules (which pods they chose), clients (few or unequal); NULL for chance.
doubt VARCHAR Why the verdict is unknown; NULL for another verdict.
connection_count BIGINT Connections of the service that its rules did not drop.
judged_count BIGINT Tested connections: those with a known pod and known rules.
lost_count BIGINT Connections that the rules sent to an unknown pod.
outside_count BIGINT Connections to a pod that their node's rules lack.
choice_count BIGINT Tested connections that session affinity did not decide.
client_count BIGINT Distinct client addresses.
effective_clients DOUBLE Number of equally active clients that would make shares vary as much.
pod_count BIGINT Pods that the rules may choose.
node_count BIGINT Ingress nodes with rules.
arrival_node_count BIGINT Ingress nodes of connections from outside the cluster.
p_value DOUBLE Probability of counts at least as uneven under the null hypothesis, over nodes and pods, corrected for the number of services (Holm); NULL if unknown.
chance_share DOUBLE The same p for this service alone, without the correction.
rules_p_value DOUBLE p of the pods chosen by the nodes' rules alone; NULL if there is nothing to choose.
nodes_p_value DOUBLE p of an equal hash over the nodes alone; NULL with one node, or without traffic from outside.
chi_square DOUBLE Pearson's statistic of the choices.
freedom_count BIGINT Its degrees of freedom.
is_drawn BOOLEAN Whether p comes from simulated runs, because an expected count is below five.
jain_index DOUBLE Jain's index of the choices against the expected shares: 1 for equal.
jain_limit_index DOUBLE 95 % of simulated runs have at least this.
peak_ratio DOUBLE Choices of the most loaded pod over its expected choices; maximum over mean where shares are equal.
peak_limit_ratio DOUBLE 95 % of simulated runs have at most this.
pod VARCHAR The pod farthest above its expected share; NULL where nodes are the cause and pods do not show it.
pod_share DOUBLE Its share of the tested connections.
pod_expected_share DOUBLE Its share by the rules, weighted by what its nodes received; where nodes are the cause, of an equal distribution.
node VARCHAR The node that received most.
node_share DOUBLE Its share of the connections from outside.""",
    ),
    table(
        "expected_shares",
        "service and pod that its rules may choose",
        "run service served_by",
        """
service VARCHAR namespace/name.
served_by VARCHAR As in `distribution_paths`.
connection_count BIGINT Tested connections, as in `verdicts`.
connection_share DOUBLE Their share of the service's.
expected_share DOUBLE Its share by each node's rules, weighted by what that node received.
choice_count BIGINT Those that session affinity did not decide.
expected_choices DOUBLE Expected count of these choices.
low_count BIGINT Lower bound of the 95 % interval of these choices.
high_count BIGINT Upper bound of the 95 % interval.
request_count BIGINT HTTP requests, where the export has them.
byte_count BIGINT Bytes of the anchor flows, both directions.""",
    ),
    table(
        "skew_parts",
        "service and part of its deviance",
        "run service part",
        """
service VARCHAR namespace/name.
part VARCHAR nodes, rules, clients or chance, as in `verdicts`.
deviance DOUBLE Twice the log-likelihood ratio against an equal hash over nodes and the nodes' rules; parts add up.
deviance_share DOUBLE Its share of the service's.
chance_deviance DOUBLE Mean deviance of as many independent connections under the null hypothesis: the degrees of freedom; on the row `chance`.""",
    ),
]
