"""What really became of each connection of a namespace lab, from the kernels' own connection tracking."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.labels.synthetic_cluster import Cluster, Service

_EVENT = re.compile(
    r"\[(\d+\.\d+)\]\s+\[NEW\] ipv[46]\s+\d+ (\w+)\s.*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)"
    r".*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)"
)
COLUMNS = [
    "t_new",
    "protocol",
    "client_ip",
    "client_port",
    "dest_ip",
    "dest_port",
    "service",
    "ingress_node",
    "pod",
    "pod_ip",
    "pod_port",
    "pod_node",
    "path",
    "snat_ip",
    "snat_port",
    "affinity",
]
Row = dict[str, str]


class Entry(NamedTuple):
    """A connection as one node's kernel began to track it."""

    node: str
    at: float
    protocol: str
    source: tuple[str, str]
    target: tuple[str, str]
    server: tuple[str, str]
    back_to: tuple[str, str]


def entries(capture: Path) -> list[Entry]:
    """Every event of a new connection, in time; the files they are in are taken out of the capture."""
    found = []
    for path in sorted(capture.glob("nodes/*/conntrack-events*")):
        for at, protocol, a, b, ap, bp, c, d, cp, dp in _EVENT.findall(path.read_text()):
            found.append(Entry(path.parent.name, float(at), protocol, (a, ap), (b, bp), (c, cp), (d, dp)))
    return sorted(found, key=lambda e: e.at)


def truths(cluster: Cluster, events: Iterable[Entry]) -> list[Row]:
    """One row for each connection that a node translated and that did not begin on a node itself."""
    rows, last = [], dict[tuple[str, ...], tuple[float, str]]()
    own = {ip for n in cluster.nodes for ip in (n.ip, n.bridge)}
    pods = {p.ip: p for p in cluster.pods if not p.host_network}
    for e in events:
        service = dialled(cluster, e)
        if service is None or e.server == e.target or e.source[0] in own:
            continue
        pod = pods[e.server[0]]
        hop = "direct" if pod.node.name == e.node else "forwarded"
        snat = e.back_to if e.back_to != e.source else ("", "")
        affinity, key = "", (e.node, service.name, e.source[0])
        if service.affinity_s:
            before = last.get(key)
            fresh = before is not None and e.at - before[0] <= service.affinity_s
            affinity = "first" if before is None else "expired"
            if before is not None and fresh:
                affinity = "pinned" if before[1] == pod.ip else "CHANGED"
            last[key] = e.at, pod.ip
        rows.append(
            dict(
                zip(
                    COLUMNS,
                    (
                        f"{e.at:.6f}", e.protocol, *e.source, *e.target, service.full_name, e.node, pod.name, *e.server,
                        pod.node.name, f"{hop}_{'snat' if snat[0] else 'nosnat'}", *snat, affinity,
                    ),
                    strict=True,
                )
            )
        )  # fmt: skip
    return rows


def dialled(cluster: Cluster, entry: Entry) -> Service | None:
    """The Service whose address a connection was made to."""
    ip, port = entry.target[0], int(entry.target[1])
    nodes = {n.ip for n in cluster.nodes}
    for s in cluster.services:
        at_address = ip in (s.ip, s.load_balancer, s.external) and port == s.port
        if s.protocol == entry.protocol and (at_address or (ip in nodes and port == s.node_port)):
            return s
    return None


def write(rows: Iterable[Row], path: Path) -> Path:
    """Write truths as the labs' truth.csv."""
    with path.open("w", newline="") as f:
        out = csv.DictWriter(f, COLUMNS)
        out.writeheader()
        out.writerows(rows)
    return path
