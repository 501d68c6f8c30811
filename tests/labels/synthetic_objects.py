"""What `kubectl get -o json` and `ip -j addr` print for a made-up cluster."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.labels.synthetic_cluster import BEGIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.labels.synthetic_cluster import Cluster, Node, Pod, Service

Json = dict[str, object]


def write_objects(folder: Path, cluster: Cluster) -> None:
    """Write services, EndpointSlices, pods and nodes."""
    folder.mkdir(parents=True)
    made = {
        "services": [_service(s) for s in cluster.services],
        "endpointslices": [_slice(s, cluster.family) for s in cluster.services],
        "pods": [_pod(p) for p in cluster.pods],
        "nodes": [_node(n) for n in cluster.nodes],
    }
    for kind, items in made.items():
        (folder / f"{kind}.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def ip_addr(node: Node) -> str:
    """The addresses of eth0 and of the pods' bridge."""
    family, length = ("inet6", 64) if ":" in node.ip else ("inet", 24)
    links = [("eth0", node.ip), ("cbr0", node.bridge)]
    return json.dumps(
        [
            {"ifindex": i, "ifname": name, "addr_info": [{"family": family, "local": ip, "prefixlen": length}]}
            for i, (name, ip) in enumerate(links, 2)
        ]
    )


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(BEGIN + int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _object(kind: str, name: str, since: float = -7200, **rest: object) -> Json:
    meta: Json = {"name": name, "creationTimestamp": _when(since)}
    if kind != "Node":
        meta["namespace"] = "default"
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, **rest}


def _service(s: Service) -> Json:
    port = {"protocol": s.protocol.upper(), "port": s.port, "targetPort": s.target_port}
    kind = "LoadBalancer" if s.load_balancer else "NodePort" if s.node_port else "ClusterIP"
    spec: Json = {"type": kind, "clusterIP": s.ip, "clusterIPs": [s.ip], "sessionAffinity": "None"}
    spec["ports"] = [port | ({"nodePort": s.node_port} if s.node_port else {})]
    if kind != "ClusterIP":
        spec["externalTrafficPolicy"] = "Local" if s.local else "Cluster"
    if s.affinity_s:
        spec |= {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": s.affinity_s}}}
    if s.external:
        spec["externalIPs"] = [s.external]
    if s.ranges:
        spec["loadBalancerSourceRanges"] = list(s.ranges)
    balancer = {"ingress": [{"ip": s.load_balancer}]} if s.load_balancer else {}
    return _object("Service", s.name, spec=spec, status={"loadBalancer": balancer})


def _slice(s: Service, family: int) -> Json:
    made = _object("EndpointSlice", f"{s.name}-abcde")
    made["metadata"] |= {"labels": {"kubernetes.io/service-name": s.name}}
    ends = [
        {
            "addresses": [p.ip],
            "conditions": {"ready": not p.is_terminating, "serving": True, "terminating": p.is_terminating},
            "nodeName": p.node.name,
            "targetRef": {"kind": "Pod", "namespace": "default", "name": p.name},
        }
        for p in s.pods
        if p.until is None
    ]
    ports = [{"name": "", "port": s.target_port, "protocol": s.protocol.upper()}]
    return made | {
        "apiVersion": "discovery.k8s.io/v1",
        "addressType": f"IPv{family}",
        "endpoints": ends,
        "ports": ports,
    }


def _pod(p: Pod) -> Json:
    made = _object("Pod", p.name, p.since, spec={"nodeName": p.node.name, "hostNetwork": p.host_network})
    if p.is_terminating:
        made["metadata"] |= {"deletionTimestamp": _when(30)}
    if p.until is not None:
        made["metadata"] |= {"deletionTimestamp": _when(p.until)}
    phase = "Running" if p.until is None else "Succeeded"
    status: Json = {
        "phase": phase,
        "podIP": p.ip,
        "podIPs": [{"ip": p.ip}],
        "hostIP": p.node.ip,
        "startTime": _when(p.since),
    }
    if p.until is not None:
        status["containerStatuses"] = [{"name": "web", "state": {"terminated": {"finishedAt": _when(p.until)}}}]
    return made | {"status": status}


def _node(n: Node) -> Json:
    addresses = [{"type": "InternalIP", "address": n.ip}, {"type": "Hostname", "address": n.name}]
    return _object("Node", n.name, spec={"podCIDR": n.pods, "podCIDRs": [n.pods]}, status={"addresses": addresses})
