"""Tables of the cluster's objects, each with its interval of validity."""

from __future__ import annotations

from pipeline.schema.declare import table

TABLES = [
    table(
        "services",
        "Service at one time",
        "run service valid_from_us",
        """
service VARCHAR namespace/name.
namespace VARCHAR Its namespace.
name VARCHAR Its name.
uid VARCHAR The object's uid; Azure names the load balancer's frontends after it.
type VARCHAR ClusterIP, NodePort, LoadBalancer or ExternalName.
session_affinity VARCHAR None or ClientIP.
affinity_s INTEGER Affinity timeout in seconds.
external_traffic_policy VARCHAR Cluster or Local.
internal_traffic_policy VARCHAR Cluster or Local.
valid_from_us BIGINT Start of validity; NULL if unknown.
valid_to_us BIGINT End of validity; NULL if unknown or still valid.
listing_version BIGINT Newest resourceVersion in the listing; a larger one is later.""",
    ),
    table(
        "service_ports",
        "address and port of a Service (frontend)",
        "run service protocol ip port kind valid_from_us",
        """
service VARCHAR namespace/name.
port_name VARCHAR Name of the port; NULL for a single unnamed one.
protocol VARCHAR tcp, udp or sctp.
kind VARCHAR cluster-ip, load-balancer, external-ip or node-port.
ip VARCHAR Frontend address; NULL for node-port: every node has it.
port INTEGER Frontend port.
service_port INTEGER The Service's own port number.
target_port VARCHAR The pods' port, a number or a name.
valid_from_us BIGINT Start of validity; NULL if unknown.
valid_to_us BIGINT End of validity; NULL if unknown or still valid.
listing_version BIGINT Newest resourceVersion in the listing; a larger one is later.""",
    ),
    table(
        "endpoints",
        "endpoint of a Service's port",
        "run service protocol ip port pod valid_from_us",
        """
service VARCHAR namespace/name.
port_name VARCHAR Name of the Service's port.
protocol VARCHAR tcp, udp or sctp.
ip VARCHAR Endpoint address.
port INTEGER Endpoint port.
pod VARCHAR namespace/name of its pod.
node VARCHAR Node it runs on.
ready BOOLEAN Whether it was ready.
valid_from_us BIGINT Start of validity; NULL if unknown.
valid_to_us BIGINT End of validity; NULL if unknown or still valid.
listing_version BIGINT Newest resourceVersion in the listing; a larger one is later.""",
    ),
    table(
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
valid_from_us BIGINT Start of validity; NULL if unknown.
valid_to_us BIGINT End of validity; NULL if unknown or still valid.
listing_version BIGINT Newest resourceVersion in the listing; a larger one is later.""",
    ),
    table(
        "nodes",
        "node at one time",
        "run node valid_from_us",
        """
node VARCHAR Its name.
internal_ip VARCHAR Its internal address (the first, where it has several).
external_ip VARCHAR Its external address.
pod_cidrs VARCHAR Its pod ranges, comma-separated.
zone VARCHAR Its zone.
valid_from_us BIGINT Start of validity; NULL if unknown.
valid_to_us BIGINT End of validity; NULL if unknown or still valid.
listing_version BIGINT Newest resourceVersion in the listing; a larger one is later.""",
    ),
    table(
        "node_addresses",
        "address or range of a node",
        "run node cidr kind",
        """
node VARCHAR Its name.
cidr VARCHAR The address (10.220.1.4/32), or the pod range.
kind VARCHAR node (Node object), interface (ip addr), or pods (pod range).
interface VARCHAR Interface that has it, where known.""",
    ),
    table(
        "load_balancer_rules",
        "rule of a cloud's load balancer",
        "run rule frontend",
        """
rule VARCHAR Its name.
frontend VARCHAR Name of its frontend address.
protocol VARCHAR tcp, udp or all.
port INTEGER Frontend port.
backend_port INTEGER Port on the nodes.
floating_ip BOOLEAN Whether nodes see the frontend address and not their own.
distribution VARCHAR How it distributes clients over nodes: Default (by connection), SourceIP or SourceIPProtocol (by client).""",
    ),
]
