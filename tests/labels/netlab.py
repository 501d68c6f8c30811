"""A real cluster in network namespaces: kernels translate, tshark captures, connection tracking tells the truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.capture_kit import script
from tests.labels.netlab_programs import CLIENT, SERVER
from tests.labels.synthetic_objects import write_objects
from tests.labels.synthetic_rules import iptables_save

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.labels.synthetic_cluster import Cluster, Node, Pod

TOOLS = ("ip", "iptables-restore", "ip6tables-restore", "iptables-save", "conntrack", "tshark", "sysctl")
OUTSIDE = "outside"
_SETTINGS = (
    "net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "
    "net.ipv4.conf.all.route_localnet=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0 "
    "net.ipv4.tcp_l3mdev_accept=1"
)
Dial = dict[str, Any]


@dataclass(slots=True)
class NetLab:
    """The nodes and pods of `cluster` as namespaces, and one for all the world outside."""

    cluster: Cluster
    folder: Path
    bridged: bool = True
    _stack: ExitStack = field(default_factory=ExitStack)
    _prefix: str = field(default_factory=lambda: f"lab{os.getpid()}-")

    def __enter__(self) -> NetLab:
        """Build it, load the rules, start a server in each pod."""
        names = [OUTSIDE, *(n.name for n in self.cluster.nodes), *(p.name for p in self.cluster.pods)]
        for name in names:
            run("ip", "netns", "add", self.ns(name))
            self._stack.callback(run, "ip", "netns", "del", self.ns(name))
        run("sh", "-e", given="\n".join(self._wiring()))
        for node in self.cluster.nodes:
            self.load_rules(node)
        for pod in self.cluster.pods:
            self.spawn(pod.name, sys.executable, "-c", SERVER, pod.ip, *self._ports(pod))
        return self

    def __exit__(self, *_: object) -> None:
        """End what was started, and take the namespaces away."""
        self._stack.close()

    def ns(self, name: str) -> str:
        """The namespace of a node, a pod or the outside."""
        return self._prefix + name

    def load_rules(self, node: Node, cluster: Cluster | None = None) -> None:
        """Load the rules kube-proxy would make of the cluster, or of another state of it."""
        tool = "iptables-restore" if self.cluster.family == 4 else "ip6tables-restore"
        run("ip", "netns", "exec", self.ns(node.name), tool, given=iptables_save(cluster or self.cluster, node))

    def spawn(self, name: str, *command: str, **more: Any) -> subprocess.Popen[str]:
        """Start a program in a namespace; it ends with the lab at the latest."""
        process = subprocess.Popen(["ip", "netns", "exec", self.ns(name), *command], text=True, **more)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def dial(self, name: str, dials: Sequence[Dial]) -> list[object]:
        """Make connections from a namespace, each at its second; what each client saw of it."""
        output = run("ip", "netns", "exec", self.ns(name), sys.executable, "-c", CLIENT, given=json.dumps(dials))
        return json.loads(output)

    def capture(self, plans: Mapping[str, Sequence[Dial]], interface: str = "eth0") -> Path:
        """Run the capture script on every node while each namespace dials; the capture folder."""
        capture, kit = self.folder / "capture", self.folder / "kit.sh"
        kit.write_text(script())
        write_objects(capture / "cluster", self.cluster)
        kits = [self._kit(node, interface) for node in self.cluster.nodes]
        for node in self.cluster.nodes:
            wait_for(lambda node=node: "Capturing" in read(capture / "nodes" / node.name / "tshark-messages"))
        time.sleep(0.5)
        clients = [self.spawn(n, sys.executable, "-c", CLIENT, stdin=subprocess.PIPE) for n in plans]
        for client, dials in zip(clients, plans.values(), strict=True):
            client.communicate(json.dumps(dials), timeout=60)
        time.sleep(0.5)
        for node in self.cluster.nodes:
            self._stop_tshark(node)
        assert [k.wait(timeout=30) for k in kits] == [0] * len(kits)
        return capture

    def _kit(self, node: Node, interface: str) -> subprocess.Popen[str]:
        environment = os.environ | {"NODE_NAME": node.name}
        command = ["sh", str(self.folder / "kit.sh"), "node", "capture", "60", interface]
        return self.spawn(node.name, *command, cwd=self.folder, env=environment)

    def _stop_tshark(self, node: Node) -> None:
        for pid in run("ip", "netns", "pids", self.ns(node.name)).split():
            if read_name(pid) == "tshark":
                os.kill(int(pid), 2)

    def _ports(self, pod: Pod) -> list[str]:
        return sorted({f"{s.protocol}:{s.target_port}" for s in self.cluster.services if pod in s.pods})

    def _wiring(self) -> Iterable[str]:
        """Commands that make the links, addresses and routes."""
        six = self.cluster.family == 6
        ip, outside = f"ip {'-6' if six else '-4'} -n", self.ns(OUTSIDE)
        length, all_bits = ("64", "128") if six else ("24", "32")
        gateway = "fd00:220::1" if six else "10.220.1.1"
        for name in (OUTSIDE, *(n.name for n in self.cluster.nodes), *(p.name for p in self.cluster.pods)):
            yield f"ip netns exec {self.ns(name)} sysctl -qw {_SETTINGS} || true"
            yield f"ip -n {self.ns(name)} link set lo up"
        yield f"ip -n {outside} link add wire type bridge && ip -n {outside} link set wire up"
        yield f"{ip} {outside} addr add {gateway}/{length} dev wire {'nodad' if six else ''}"
        yield f"{ip} {outside} rule add pref 10 lookup main suppress_prefixlength 0"
        for i, node in enumerate(self.cluster.nodes):
            inside = self.ns(node.name)
            yield from _cable(inside, "eth0", outside, f"to-{node.name}", master="wire")
            yield f"{ip} {inside} addr add {node.ip}/{length} dev eth0 {'nodad' if six else ''}"
            yield f"{ip} {inside} route add default via {gateway}"
            yield f"{ip} {outside} addr add {self.client(i)}/{all_bits} dev lo"
            yield f"{ip} {outside} rule add pref {100 + i} from {self.client(i)} lookup {100 + i}"
            yield f"{ip} {outside} route add default via {node.ip} dev wire table {100 + i}"
            if self.bridged:
                yield f"ip -n {inside} link add cbr0 type bridge && ip -n {inside} link set cbr0 up"
                yield f"{ip} {inside} addr add {node.bridge}/{length} dev cbr0 {'nodad' if six else ''}"
            for other in self.cluster.nodes:
                if other != node:
                    yield f"{ip} {inside} route add {other.pods} via {other.ip}"
        for pod in self.cluster.pods:
            yield from self._plug_in(pod, ip, length, all_bits)

    def _plug_in(self, pod: Pod, ip: str, length: str, all_bits: str) -> Iterable[str]:
        """A pod's cable: to its node's bridge, or to the node itself, which then routes between its pods."""
        home, inside, nodad = self.ns(pod.node.name), self.ns(pod.name), "nodad" if length == "64" else ""
        veth = f"veth-{pod.name}"[:15]
        yield from _cable(inside, "eth0", home, veth, master="cbr0" if self.bridged else None)
        if self.bridged:
            yield f"ip -n {home} link set {veth} type bridge_slave hairpin on"
            yield f"{ip} {inside} addr add {pod.ip}/{length} dev eth0 {nodad}"
        else:
            yield f"{ip} {home} addr add {pod.node.bridge}/{all_bits} dev {veth} {nodad}"
            yield f"{ip} {inside} addr add {pod.ip}/{all_bits} dev eth0 {nodad}"
            yield f"{ip} {inside} route add {pod.node.bridge} dev eth0"
            yield f"{ip} {home} route add {pod.ip} dev {veth}"
        yield f"{ip} {inside} route add default via {pod.node.bridge}"

    def client(self, node: int) -> str:
        """An address outside whose packets to a load balancer go to that node."""
        return f"2001:db8:71::{node + 1}" if self.cluster.family == 6 else f"71.246.124.{node + 1}"


def _cable(inside: str, name: str, outside: str, other: str, master: str | None = None) -> Iterable[str]:
    yield f"ip link add {name} netns {inside} type veth peer name {other} netns {outside}"
    yield f"ip -n {outside} link set {other} {f'master {master}' if master else ''} up"
    yield f"ip -n {inside} link set {name} up"


def run(*command: str, given: str | None = None) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr, given)
    return done.stdout


def read(path: Path) -> str:
    """A file's text, nothing where there is none yet."""
    return path.read_text() if path.exists() else ""


def read_name(pid: str) -> str:
    """What a process is called."""
    try:
        with open(f"/proc/{pid}/comm") as f:  # noqa: PTH123
            return f.read().strip()
    except OSError:
        return ""


def wait_for(condition: Any, seconds: float = 20.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be in time"
        time.sleep(0.05)
