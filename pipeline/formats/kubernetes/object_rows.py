"""Rows of one Kubernetes object. Only the fields that labels need are read, never annotations or secrets."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from pipeline.formats.addresses import address, single
from pipeline.schema.times import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pipeline.formats.row_collector import TableRow
    from pipeline.schema import Row

Json = dict[str, Any]
_DEFAULT_AFFINITY_S = 10800  # the default of the Kubernetes API


def object_rows(kind: str, o: Json) -> Iterable[TableRow]:
    """Return the rows of an object; none for a kind that is not used.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: the object does not have the fields of its kind.
    """
    return KINDS[kind](o) if kind in KINDS else ()


def _service(o: Json) -> Iterator[TableRow]:
    yield "services", _service_row(o)
    for port in o["spec"].get("ports") or []:
        common = {"service": _name(o)} | _service_port(port) | _lifetime(o)
        for kind, ip in _frontend_addresses(o):
            yield "service_ports", common | {"kind": kind, "ip": ip, "port": int(port["port"])}
        if port.get("nodePort"):
            yield "service_ports", common | {"kind": "node-port", "ip": None, "port": int(port["nodePort"])}


def _service_row(o: Json) -> Row:
    spec, meta, service_type = o["spec"], o["metadata"], o["spec"].get("type", "ClusterIP")
    affinity = spec.get("sessionAffinity") or "None"
    config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    default_policy = "Cluster" if service_type in ("NodePort", "LoadBalancer") else None
    return {
        "service": _name(o),
        "namespace": _namespace(o),
        "name": meta["name"],
        "uid": meta.get("uid"),
        "type": service_type,
        "session_affinity": affinity,
        "affinity_s": int(config.get("timeoutSeconds") or _DEFAULT_AFFINITY_S) if affinity == "ClientIP" else None,
        "external_traffic_policy": spec.get("externalTrafficPolicy") or default_policy,
        "internal_traffic_policy": spec.get("internalTrafficPolicy") or "Cluster",
        **_lifetime(o),
    }


def _service_port(port: Json) -> Row:
    return {
        "port_name": port.get("name") or None,
        "protocol": _protocol(port),
        "service_port": int(port["port"]),
        "target_port": str(port.get("targetPort") or port["port"]),
    }


def _frontend_addresses(o: Json) -> Iterator[tuple[str, str]]:
    """Yield (kind, address) of each frontend of a Service."""
    spec = o["spec"]
    for ip in spec.get("clusterIPs") or [spec.get("clusterIP")]:
        if ip and ip != "None":
            yield "cluster-ip", address(ip)
    for ip in spec.get("externalIPs") or []:
        yield "external-ip", address(ip)
    for ingress in ((o.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []:
        if ingress.get("ip"):
            yield "load-balancer", address(ingress["ip"])


def _endpoint_slice(o: Json) -> Iterator[TableRow]:
    service = (o["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
    if not service or o.get("addressType") == "FQDN":
        return
    for endpoint in o.get("endpoints") or []:
        ready = (endpoint.get("conditions") or {}).get("ready") is not False
        for port in o.get("ports") or []:
            for ip in endpoint["addresses"]:
                row = {"service": f"{_namespace(o)}/{service}"} | _endpoint(o, endpoint, ip, port, ready=ready)
                yield from [("endpoints", row)] if row["port"] else []


def _endpoints(o: Json) -> Iterator[TableRow]:
    for subset in o.get("subsets") or []:
        for key, ready in (("addresses", True), ("notReadyAddresses", False)):
            for endpoint in subset.get(key) or []:
                for port in subset.get("ports") or []:
                    row = _endpoint(o, endpoint, endpoint["ip"], port, ready=ready)
                    yield "endpoints", {"service": _name(o)} | row


def _endpoint(o: Json, endpoint: Json, ip: str, port: Json, *, ready: bool) -> Row:
    ref = endpoint.get("targetRef") or {}
    pod = f"{ref.get('namespace') or _namespace(o)}/{ref['name']}" if ref.get("kind") == "Pod" else None
    return {
        "port_name": port.get("name") or None,
        "protocol": _protocol(port),
        "ip": address(ip),
        "port": int(port["port"]) if port.get("port") else None,
        "pod": pod,
        "node": endpoint.get("nodeName"),
        "ready": ready,
        "valid_from_us": None,
        "valid_to_us": None,
    }


def _pod(o: Json) -> Iterator[TableRow]:
    spec, status = o.get("spec") or {}, o.get("status") or {}
    ips = [pod_ip["ip"] for pod_ip in status.get("podIPs") or []] or [status.get("podIP")]
    start = _microseconds(status.get("startTime")) or _microseconds(o["metadata"].get("creationTimestamp"))
    for ip in filter(None, ips):
        row: Row = {
            "pod": _name(o),
            "namespace": _namespace(o),
            "name": o["metadata"]["name"],
            "ip": address(ip),
            "node": spec.get("nodeName"),
            "host_network": bool(spec.get("hostNetwork")),
            "phase": status.get("phase"),
            "valid_from_us": start,
            "valid_to_us": _pod_end(o, start),
        }
        yield "pods", row


def _pod_end(o: Json, start: int | None) -> int | None:
    """Return the time at which a pod lost its address; None if it still has it.

    A finished pod without any time of its end lost it at its start, so it owns the address at no time.
    """
    status = o["status"]
    ends = [_microseconds(o["metadata"].get("deletionTimestamp"))]
    if status.get("phase") in ("Succeeded", "Failed"):
        states = [c.get("state") or {} for c in status.get("containerStatuses") or []]
        finished = [_microseconds((s.get("terminated") or {}).get("finishedAt")) for s in states]
        changed = [_microseconds(c.get("lastTransitionTime")) for c in status.get("conditions") or []]
        ends.append(max(filter(None, finished), default=max(filter(None, changed), default=start)))
    return min(filter(None, ends), default=None)


def _node(o: Json) -> Iterator[TableRow]:
    spec, meta = o.get("spec") or {}, o["metadata"]
    labels, name = meta.get("labels") or {}, meta["name"]
    ranges = [str(ip_network(r, strict=False)) for r in spec.get("podCIDRs") or [spec.get("podCIDR")] if r]
    addresses = (o.get("status") or {}).get("addresses") or []
    internal, external = (
        [address(a["address"]) for a in addresses if a["type"] == kind] for kind in ("InternalIP", "ExternalIP")
    )
    row: Row = {
        "node": name,
        "internal_ip": next(iter(internal), None),
        "external_ip": next(iter(external), None),
        "pod_cidrs": ",".join(ranges) or None,
        "zone": labels.get("topology.kubernetes.io/zone") or labels.get("failure-domain.beta.kubernetes.io/zone"),
    }
    yield "nodes", row | _lifetime(o)
    for ip in internal + external:
        yield "node_addresses", {"node": name, "cidr": single(ip), "kind": "node"}
    for cidr in ranges:
        yield "node_addresses", {"node": name, "cidr": cidr, "kind": "pods"}


def heartbeat_us(o: Json) -> int:
    """Return the time of a node's last heartbeat, which it sends every few minutes; 0 for other objects."""
    conditions = (o.get("status") or {}).get("conditions") or [] if o["kind"] == "Node" else []
    return max((_microseconds(c.get("lastHeartbeatTime")) or 0 for c in conditions), default=0)


def _microseconds(time: object) -> int | None:
    """Return a time of an object in microseconds since 1970; YAML has parsed it already. None for no time."""
    return to_microseconds(time if isinstance(time, datetime) else str(time)) if time else None


def _namespace(o: Json) -> str:
    return str(o["metadata"].get("namespace") or "default")


def _name(o: Json) -> str:
    return f"{_namespace(o)}/{o['metadata']['name']}"


def _protocol(port: Json) -> str:
    return str(port.get("protocol") or "TCP").lower()


def _lifetime(o: Json) -> Row:
    meta = o["metadata"]
    return {
        "valid_from_us": _microseconds(meta.get("creationTimestamp")),
        "valid_to_us": _microseconds(meta.get("deletionTimestamp")),
    }


KINDS: dict[str, Callable[[Json], Iterator[TableRow]]] = {
    "Service": _service,
    "EndpointSlice": _endpoint_slice,
    "Endpoints": _endpoints,
    "Pod": _pod,
    "Node": _node,
}
