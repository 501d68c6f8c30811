"""Made-up captures with their truth: scripted connections become packets at every vantage that would show them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from tests.labels.synthetic_cluster import BEGIN, Cluster, Node, Pod, Service
from tests.labels.synthetic_objects import ip_addr, write_objects
from tests.labels.synthetic_rules import iptables_save

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = (
    "frame.time_epoch",
    "frame.interface_name",
    "frame.len",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "ip.proto",
    "ipv6.nxt",
    "ip.id",
    "ip.ttl",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "tcp.flags",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.len",
    "tcp.options.timestamp.tsval",
    "tcp.stream",
    "http.request.method",
)
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
Socket = tuple[str, int]


class View(NamedTuple):
    """What one interface shows of a connection's packets from client to server."""

    node: Node
    interface: str
    source: Socket
    target: Socket


class Packet(NamedTuple):
    """One packet, wherever it is seen."""

    flags: int
    seq: int
    ack: int
    length: int
    tsval: int
    number: int


@dataclass(slots=True)
class Truth:
    """What really happened to one connection, and what can be known of it."""

    at: float
    client: Socket
    dest: Socket
    snat: Socket | None
    facts: dict[str, object]
    label: str
    reason: str | None = None


@dataclass(slots=True)
class Traffic:
    """Records connections in a cluster."""

    cluster: Cluster
    all_interfaces: bool = False
    clocks: dict[str, float] = field(default_factory=dict)
    truths: list[Truth] = field(default_factory=list)
    _seen: list[tuple[float, View, bool, Packet]] = field(default_factory=list)
    _random: Random = field(default_factory=lambda: Random(5))

    def connect(
        self,
        at: float,
        client: Socket,
        service: Service,
        pod: Pod | None,
        dest: Socket,
        ingress: Node,
        *,
        label: str | None = None,
        reason: str | None = None,
        affinity: str = "none",
        affinity_reason: str | None = None,
        requests: int = 1,
        lasts: float = 0.02,
        dead_attempt: Pod | None = None,
    ) -> None:
        """Script one connection; without a pod it is never answered. A label is given where it is not decidable."""
        isn, snat = self._number(), None
        if pod is None:
            self._unanswered(at, self._before(client, dest, ingress), isn)
            facts: dict[str, object] = {"hop": "none", "pod": None, "pod_ip": None}
        else:
            snat = self._snat(client, dest, service, pod, ingress)
            if dead_attempt:
                other = self._snat(client, dest, service, dead_attempt, ingress)
                self._dead(at, self._views(client, dest, service, dead_attempt, ingress, other), isn)
            views = self._views(client, dest, service, pod, ingress, snat)
            self._exchange(at + bool(dead_attempt), views, isn, requests, lasts)
            why = affinity_reason or ("capture-start" if affinity == "first" else None)
            facts = _facts(service, pod, ingress, snat) | {"affinity": affinity, "affinity_reason": why}
        facts |= {"service": service.full_name, "ingress_node": ingress.name}
        self.truths.append(Truth(at, client, dest, snat, facts, label or _label(facts), reason))

    def spread(self, service: Service, at: float = 0.5) -> None:
        """Ordinary connections from outside through every node to every pod: what a load test is full of."""
        dial = (service.load_balancer or "", service.port)
        for i, ingress in enumerate(self.cluster.nodes):
            for j, pod in enumerate(service.pods):
                if service.local and pod.node != ingress:
                    continue
                number = 10 * i + j + 50
                client = f"203.0.113.{number}" if self.cluster.family == 4 else f"2001:db8::{number}"
                affinity = "first" if service.affinity_s else "none"
                self.connect(
                    at + i * 0.1 + j * 0.01, (client, 50000 + j), service, pod, dial, ingress, affinity=affinity
                )

    def write(self, capture: Path, rules: Cluster | None = None) -> None:
        """Write the capture folder; `rules` where the dumps show another state of the cluster."""
        write_objects(capture / "cluster", self.cluster)
        for node in self.cluster.nodes:
            folder = capture / "nodes" / node.name
            folder.mkdir(parents=True)
            (folder / "iptables-save.txt").write_text(iptables_save(rules or self.cluster, node))
            (folder / "ip-addr.json").write_text(ip_addr(node))
            (folder / "any.tsv").write_text(self._export(node))

    def _number(self) -> int:
        return self._random.randrange(1 << 31)

    def _snat(self, client: Socket, dest: Socket, service: Service, pod: Pod, ingress: Node) -> Socket | None:
        """The rewritten source, if any: MASQUERADE takes the address of the interface the packet leaves by."""
        home = self.cluster.home(client[0])
        from_pod = home is not None and client[0] not in (home.ip, home.bridge)
        keeps = (from_pod and client[0] != pod.ip) if dest[0] == service.ip else service.local
        if keeps or (pod.host_network and pod.node == ingress):  # to the node itself: no POSTROUTING
            return None
        address = ingress.bridge if pod.node == ingress else ingress.ip
        return address, 1024 + self._number() % 60000

    def _before(self, client: Socket, dest: Socket, ingress: Node) -> list[View]:
        home = self.cluster.home(client[0])
        if home is None:
            return [View(ingress, "eth0", client, dest)]
        return [] if client[0] == home.ip else [View(home, "veth" + client[0][-4:], client, dest)]

    def _views(
        self, client: Socket, dest: Socket, service: Service, pod: Pod, ingress: Node, snat: Socket | None
    ) -> list[View]:
        source, target = snat or client, (pod.ip, service.target_port)
        places = [] if pod.node == ingress else [(ingress, "eth0"), (pod.node, "eth0")]
        if not pod.host_network:
            places.append((pod.node, "veth" + pod.ip[-4:]))
        return self._before(client, dest, ingress) + [View(node, link, source, target) for node, link in places]

    def _see(self, at: float, views: list[View], back: bool, *fields: int) -> None:
        """One packet passes all views, 20 microseconds apart."""
        packet = Packet(*fields, tsval=int(at * 1000) + 7_000_000, number=self._number() % 65536)
        for i, view in enumerate(reversed(views) if back else views):
            if self.all_interfaces or view.interface == "eth0":
                self._seen.append((at + i * 2e-5, view, back, packet))

    def _unanswered(self, at: float, views: list[View], isn: int) -> None:
        for later in (0.0, 1.0, 3.0):
            self._see(at + later, views, False, SYN, isn, 0, 0)

    def _dead(self, at: float, views: list[View], isn: int) -> None:
        """A pod that still has the socket in TIME_WAIT answers the SYN with a challenge ACK; the client resets."""
        stale = self._number()
        self._see(at, views, False, SYN, isn, 0, 0)
        self._see(at + 0.0005, views, True, ACK, self._number(), stale, 0)
        self._see(at + 0.001, views, False, RST, stale, 0, 0)

    def _exchange(self, at: float, views: list[View], isn: int, requests: int, lasts: float) -> None:
        up, down, step = isn + 1, self._number() + 1, lasts / requests
        self._see(at, views, False, SYN, isn, 0, 0)
        self._see(at + 0.0005, views, True, SYN | ACK, down - 1, up, 0)
        self._see(at + 0.001, views, False, ACK, up, down, 0)
        for i in range(requests):
            now = at + 0.002 + i * step
            self._see(now, views, False, PSH | ACK, up, down, 80)
            self._see(now + 0.001, views, True, PSH | ACK, down, up + 80, 300)
            self._see(now + 0.0015, views, False, ACK, up + 80, down + 300, 0)
            up, down = up + 80, down + 300
        end = at + 0.004 + lasts
        self._see(end, views, False, FIN | ACK, up, down, 0)
        self._see(end + 0.0005, views, True, FIN | ACK, down, up + 1, 0)
        self._see(end + 0.001, views, False, ACK, up + 1, down + 1, 0)

    def _export(self, node: Node) -> str:
        streams: dict[object, tuple[int, int]] = {}
        count: dict[str, int] = defaultdict(int)
        lines = ["\t".join(FIELDS)]
        for at, view, back, packet in sorted((s for s in self._seen if s[1].node == node), key=lambda s: s[0]):
            key = (view.source, view.target)
            known = streams.get(key)
            if known is None or (packet.flags & 18 == SYN and known[0] != packet.seq):  # as tshark does on port reuse
                streams[key] = known = (packet.seq, count["streams"])
                count["streams"] += 1
            lines.append(_line(at + self.clocks.get(node.name, 0.0), view, back, packet, known[1]))
        return "\n".join([*lines, ""])


def _line(at: float, view: View, back: bool, packet: Packet, stream: int) -> str:
    source, target = (view.target, view.source) if back else (view.source, view.target)
    six = "ipv6" if ":" in source[0] else "ip"
    micros = round(at * 1e6)
    cells: dict[str, object] = {
        "frame.time_epoch": f"{BEGIN + micros // 1_000_000}.{micros % 1_000_000:06d}000",
        "frame.interface_name": view.interface,
        "frame.len": 66 + packet.length,
        f"{six}.src": source[0],
        f"{six}.dst": target[0],
        "ipv6.nxt" if six == "ipv6" else "ip.proto": 6,
        "tcp.srcport": source[1],
        "tcp.dstport": target[1],
        "tcp.flags": f"0x{packet.flags:04x}",
        "tcp.seq_raw": packet.seq,
        "tcp.ack_raw": packet.ack,
        "tcp.len": packet.length,
        "tcp.options.timestamp.tsval": packet.tsval,
        "tcp.stream": stream,
        "http.request.method": "GET" if packet.length and not back else "",
    }
    if six == "ip":
        cells |= {"ip.id": f"0x{packet.number:04x}", "ip.ttl": 64 if view.interface != "eth0" else 63}
    return "\t".join(str(cells.get(f, "")) for f in FIELDS)


def _facts(service: Service, pod: Pod, ingress: Node, snat: Socket | None) -> dict[str, object]:
    hop = "local" if pod.node == ingress else "forwarded"
    facts: dict[str, object] = {"hop": hop, "source_nat": snat is not None, "pod_node": pod.node.name}
    facts |= {"pod": f"default/{pod.name}", "pod_ip": pod.ip, "pod_port": service.target_port}
    return facts | {"snat_ip": snat and snat[0], "snat_port": snat and snat[1]}


def _label(facts: dict[str, object]) -> str:
    if facts["hop"] == "none":
        return "dropped"
    if facts["affinity"] == "pinned":
        return "affinity-pinned"
    if facts["hop"] == "local":
        return "direct"
    return "snat-forwarded" if facts["source_nat"] else "forwarded"
