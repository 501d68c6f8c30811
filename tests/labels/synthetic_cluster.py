"""A tiny cluster for made-up captures: what lives where, and where its addresses come from."""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass, field, replace
from hashlib import sha256
from ipaddress import ip_address, ip_network

BEGIN = 1_790_000_000  # all times of a capture are seconds after this one


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a kubenet cluster: one address on eth0, one on the bridge of its pods."""

    name: str
    ip: str
    pods: str

    @property
    def bridge(self) -> str:
        """The address of the pods' bridge: what masquerading shows to pods of the node itself."""
        return str(ip_network(self.pods)[1])


@dataclass(frozen=True, slots=True)
class Pod:
    """One address of a pod, with its time of life."""

    name: str
    ip: str
    node: Node
    host_network: bool = False
    since: float = -3600.0
    until: float | None = None
    is_terminating: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A Service of namespace `default` with one port."""

    name: str
    ip: str
    pods: tuple[Pod, ...]
    port: int = 80
    target_port: int = 8080
    load_balancer: str | None = None
    node_port: int | None = None
    local: bool = False
    affinity_s: int | None = None
    ranges: tuple[str, ...] = ()
    protocol: str = "tcp"
    external: str | None = None

    @property
    def full_name(self) -> str:
        """namespace/name."""
        return f"default/{self.name}"

    def without(self, pod: Pod) -> Service:
        """The same Service after an endpoint went away."""
        return replace(self, pods=tuple(p for p in self.pods if p != pod))

    def allows(self, ip: str) -> bool:
        """Whether the source ranges let `ip` in."""
        return not self.ranges or any(ip_address(ip) in ip_network(r) for r in self.ranges)

    def chain(self, kind: str, endpoint: str = "") -> str:
        """kube-proxy's name for one of its chains."""
        digest = sha256(f"{self.full_name}{self.protocol}{endpoint}".encode()).digest()
        return f"KUBE-{kind}-{b32encode(digest).decode()[:16]}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Three nodes, of either family, and what runs on them."""

    services: tuple[Service, ...]
    family: int = 4
    others: tuple[Pod, ...] = field(default=())

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes."""
        return nodes(self.family)

    @property
    def pod_range(self) -> str:
        """The range of all pods."""
        return "10.100.0.0/16" if self.family == 4 else "fd00:100::/32"

    @property
    def pods(self) -> tuple[Pod, ...]:
        """Every pod once."""
        return tuple(dict.fromkeys([p for s in self.services for p in s.pods] + list(self.others)))

    def home(self, ip: str) -> Node | None:
        """The node that has `ip`, or a pod with it; None for the world outside."""
        return next((n for n in self.nodes if ip in (n.ip, n.bridge) or ip_address(ip) in ip_network(n.pods)), None)


def nodes(family: int = 4) -> tuple[Node, ...]:
    """Three nodes."""
    if family == 6:
        return tuple(Node(f"node-{i}", f"fd00:220::{i + 4}", f"fd00:100:{i}::/64") for i in range(3))
    return tuple(Node(f"node-{i}", f"10.220.1.{i + 4}", f"10.100.{i}.0/24") for i in range(3))


def pod(name: str, node: int, number: int = 11, family: int = 4, since: float = -3600.0) -> Pod:
    """A pod on one of the nodes."""
    home = nodes(family)[node]
    return Pod(name, str(ip_network(home.pods)[number]), home, since=since)
