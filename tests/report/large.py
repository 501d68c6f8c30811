"""A run of any number of services and pods in which every section of the report has something to show."""

from __future__ import annotations

from .conftest import START_US, connection, usual_tables

Rows = list[dict[str, object]]

NODES = tuple(f"aks-nodepool1-23454376-vmss{n:06}" for n in range(12))
OUTCOMES = (("pinned", None), ("first", None), ("moved", "list-overflow"), ("expired", None))


def large_tables(services: int, pods: int, count: int = 6000) -> dict[str, Rows]:
    """`count` connections to `services` with `pods` between them on twelve nodes, every fifth service sticky."""
    usual = usual_tables()
    usual["connections"] += [_one(n, n % services, _pod(n, services, pods)) for n in range(count)]
    usual["decisions"] += [_decision(node, p, services, pods) for node in range(len(NODES)) for p in range(pods)]
    for table, size in (("captures", 200), ("rejects", 1000), ("findings", 300), ("rule_drifts", 300)):
        kinds = usual[table]
        usual[table] = [{**kinds[n % len(kinds)], **_named(n, services)} for n in range(size)]
    return usual


def _pod(number: int, services: int, pods: int) -> int:
    """One of the pods whose number leaves the service's when divided by how many services there are."""
    service = number % services
    return service + services * (number * 7919 // services % max(1, -(-(pods - service) // services)))


def _one(number: int, service: int, pod: int) -> dict[str, object]:
    node, home = number * 31 % len(NODES), pod % len(NODES)
    affinity, reason = ("none", None) if service % 5 else OUTCOMES[number // 60 % 4]
    away = node != home
    return connection(
        number,
        connection_id=f"large-{number}",
        service=f"ns/service-{service:02}",
        service_port=80,
        ingress_node=NODES[node],
        trace_id=f"t{node}-{service}",
        client_ip=f"203.0.{number % 7}.{number % 250}",
        dest_ip=f"10.0.37.{service}",
        pod=f"ns/service-{service:02}-6f7947bc4b-{pod:05}",
        pod_ip=f"10.100.{pod // 200}.{pod % 200}",
        pod_port=8080,
        pod_node=NODES[home],
        snat_ip=f"10.220.1.{node + 4}" if away else None,
        hop="forwarded" if away else "local",
        source_nat=away,
        label="snat-forwarded" if away else "direct",
        evidence="stitched" if away else "rules",
        affinity=affinity,
        affinity_reason=reason,
        start_us=START_US + number * 60_000,
        end_us=START_US + number * 60_000 + 900_000,
    )


def _decision(node: int, pod: int, services: int, pods: int) -> dict[str, object]:
    service = pod % services
    return {
        "protocol": "tcp",
        "dst_ip": f"10.0.37.{service}",
        "dst_port": 80,
        "service": f"ns/service-{service:02}",
        "service_port": 80,
        "verdict": "dnat",
        "node": NODES[node],
        "trace_id": f"t{node}-{service}",
        "source_class": 0,
        "source": "any",
        "chain": f"KUBE-SVC-{service:016}",
        "endpoint_ip": f"10.100.{pod // 200}.{pod % 200}",
        "endpoint_port": 8080,
        "probability": 1 / -(-(pods - service) // services),
        "source_nat": True,
        "certain": True,
    }


def _named(number: int, services: int) -> dict[str, object]:
    """What tells the rows of a table that is not about connections apart, with texts as long as they come."""
    return {
        "capture_id": f"{number:08}",
        "node": NODES[number % len(NODES)],
        "file": f"nodes/{NODES[number % len(NODES)]}/eth{number}.tsv.gz",
        "line_number": number,
        "service": f"ns/service-{number % services:02}",
        "chain": f"KUBE-SVC-{number:016}",
        "text": "x" * 500,
    }
