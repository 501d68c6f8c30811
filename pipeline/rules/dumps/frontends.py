"""The front of a rule set: the addresses and ports that lead into services, found without tracing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.model.ip_ranges import written
from pipeline.rules.model.matches import CopyMark, Destination, Listed, Port, ProtocolIs, SetMark, Untrack
from pipeline.rules.model.targets import Lookup, Rule, targets

if TYPE_CHECKING:
    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.model.ip_ranges import Range

Frontend = tuple[str, str, int]
_HOOKS = ("prerouting", "output", "input", "forward")
POLICY_CHAINS = ("cali", "CILIUM", "WEAVE-", "KUBE-ROUTER", "KUBE-POD-FW", "KUBE-NWPLCY", "AZURE-NPM", "DOCKER", "ufw")


class Front:
    """Walks from the kernel's entries until a rule or a map names a destination."""

    def __init__(self, rules: RuleSet) -> None:
        """Walk both families."""
        self.rules = rules
        self.frontends: set[Frontend] = set()
        self.node_ports: set[tuple[str, int]] = set()
        self.addresses: dict[str, set[int]] = {"ip": set(), "ip6": set()}
        self.ports: set[int] = set()
        self.ranges: dict[str, list[Range]] = {"ip": [], "ip6": []}
        self._seen: set[tuple[str, str, str]] = set()
        for family, hooks in rules.hooks.items():
            for hook in _HOOKS:
                for base in hooks.get(hook, ()):
                    self._walk(family, base.table, base.chain)

    def knows(self, family: str, dst: int, port: int, *, may_be_local: bool) -> bool:
        """Whether any rule at the front could be about this destination: a cheap test before a trace."""
        if dst in self.addresses[family] or (may_be_local and port in self.ports):
            return True
        return any(first <= dst <= last for first, last in self.ranges[family])

    def _walk(self, family: str, table: str, name: str) -> None:
        if (family, table, name) in self._seen:
            return
        self._seen.add((family, table, name))
        chain = self.rules.chain(family, table, name)
        for rule in chain.rules if chain else ():
            if not self._note(family, rule):
                for onward in targets(rule.outcome):
                    if table != "filter" or not onward.startswith(POLICY_CHAINS):
                        self._walk(family, table, onward)

    def _note(self, family: str, rule: Rule) -> bool:
        """Note what a rule names; False where it names no destination and must be followed."""
        if isinstance(rule.outcome, Lookup):
            return self._note_map(family, rule.outcome)
        address, port = exact(rule)
        protocol = protocol_of(rule)
        if address is not None:
            self.addresses[family].add(address)
            if protocol and port:
                self.frontends.add((protocol, written(address, family), port))
            return port is not None
        if port is not None:
            self.ports.add(port)
            if protocol:
                self.node_ports.add((protocol, port))
            return True
        self._note_wide(family, rule)
        return False

    def _note_wide(self, family: str, rule: Rule) -> None:
        for step in rule.steps:
            if isinstance(step, Listed) and step.fields == ("dst",):
                self.addresses[family] |= {dst for (dst,) in step.entries if isinstance(dst, int)}
            elif isinstance(step, Destination):
                self.ranges[family] += step.ranges
            elif isinstance(step, Port):
                self.ports |= {p for first, last in step.ranges if last - first < 1024 for p in range(first, last + 1)}

    def _note_map(self, family: str, lookup: Lookup) -> bool:
        for key in lookup.entries:
            named = dict(zip(lookup.fields, key, strict=True))
            dst, protocol, port = named.get("dst"), named.get("protocol"), named.get("port")
            if isinstance(dst, int):
                self.addresses[family].add(dst)
                if isinstance(protocol, str) and isinstance(port, int):
                    self.frontends.add((protocol, written(dst, family), port))
            elif isinstance(port, int):
                self.ports.add(port)
                self.node_ports.add((str(protocol), port))
        return True


def exact(rule: Rule) -> tuple[int | None, int | None]:
    """The single destination address and the single port a rule insists on."""
    address = port = None
    for step in rule.steps:
        if isinstance(step, SetMark | CopyMark | Untrack):
            break
        if isinstance(step, Destination | Port) and len(step.ranges) == 1 and step.ranges[0][0] == step.ranges[0][1]:
            if isinstance(step, Destination):
                address = step.ranges[0][0]
            else:
                port = step.ranges[0][0]
    return address, port


def protocol_of(rule: Rule) -> str | None:
    """The single protocol a rule insists on."""
    names = next((step.names for step in rule.steps if isinstance(step, ProtocolIs)), frozenset[str]())
    return next(iter(names)) if len(names) == 1 else None
