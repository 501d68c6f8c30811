"""The frontends of a node's rules: the service addresses and node ports that they match, collected without a trace.

Example: `-A KUBE-SERVICES -d 10.200.0.1/32 -p tcp --dport 80 -j KUBE-SVC-X` is the frontend ("tcp", "10.200.0.1", 80).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.model.ip_ranges import written
from pipeline.rules.model.matches import Destination, DestinationPort, InSet
from pipeline.rules.model.rule import Rule, single_destination, single_protocol
from pipeline.rules.model.targets import VerdictMap, next_chains

if TYPE_CHECKING:
    from collections.abc import Collection

    import polars as pl

    from pipeline.rules.dumps.chains import Chains
    from pipeline.rules.dumps.rule_compiler import RuleCompiler
    from pipeline.rules.model.ip_ranges import Range

Frontend = tuple[str, str, int]  # protocol, address, port
_HOOKS = ("prerouting", "output", "input", "forward")
_MOST_PORTS = 1024  # a wider range of ports is no list of node ports
POLICY_CHAINS = ("cali", "CILIUM", "WEAVE-", "KUBE-ROUTER", "KUBE-POD-FW", "KUBE-NWPLCY", "AZURE-NPM", "DOCKER", "ufw")


class FrontendIndex:
    """Follows the chains from the kernel's hooks until a rule or a map requires a destination."""

    def __init__(self, rules: Chains) -> None:
        """Collect the frontends of both families."""
        self.rules = rules
        self.frontends: set[Frontend] = set()
        self.node_ports: set[tuple[str, int]] = set()
        self.addresses: dict[str, set[int]] = {"ip": set(), "ip6": set()}
        self.ports: set[int] = set()
        self.ranges: dict[str, list[Range]] = {"ip": [], "ip6": []}
        self._visited: set[tuple[str, str, str]] = set()
        for family, hooks in rules.hooks.items():
            for hook in _HOOKS:
                for base in hooks.get(hook, ()):
                    self._visit(family, base.table, base.chain)

    def may_match(self, family: str, dst: int, port: int, *, may_be_local: bool) -> bool:
        """Whether any rule could match this destination: a cheap test before a trace."""
        if dst in self.addresses[family] or (may_be_local and port in self.ports):
            return True
        return any(first <= dst <= last for first, last in self.ranges[family])

    def _visit(self, family: str, table: str, name: str) -> None:
        if (family, table, name) in self._visited:
            return
        self._visited.add((family, table, name))
        chain = self.rules.chain(family, table, name)
        for rule in chain.rules if chain else ():
            if not self._add_rule(family, rule):
                for next_chain in next_chains(rule.target):
                    if table != "filter" or not next_chain.startswith(POLICY_CHAINS):
                        self._visit(family, table, next_chain)

    def _add_rule(self, family: str, rule: Rule) -> bool:
        """Add the destination that a rule requires; False if it requires none, so that its target must be followed."""
        if isinstance(rule.target, VerdictMap):
            return self._add_map(family, rule.target)
        address, port = single_destination(rule)
        protocol = single_protocol(rule)
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
        self._add_ranges(family, rule)
        return False

    def _add_ranges(self, family: str, rule: Rule) -> None:
        for step in rule.steps:
            if isinstance(step, InSet) and step.fields == ("dst",):
                self.addresses[family] |= {dst for (dst,) in step.entries if isinstance(dst, int)}
            elif isinstance(step, Destination):
                self.ranges[family] += step.ranges
            elif isinstance(step, DestinationPort):
                few = (span for span in step.ranges if span[1] - span[0] < _MOST_PORTS)
                self.ports |= {port for first, last in few for port in range(first, last + 1)}

    def _add_map(self, family: str, verdict_map: VerdictMap) -> bool:
        for key in verdict_map.entries:
            values = dict(zip(verdict_map.fields, key, strict=True))
            dst, protocol, port = values.get("dst"), values.get("protocol"), values.get("port")
            if isinstance(dst, int):
                self.addresses[family].add(dst)
                if isinstance(protocol, str) and isinstance(port, int):
                    self.frontends.add((protocol, written(dst, family), port))
            elif isinstance(port, int):
                self.ports.add(port)
                self.node_ports.add((str(protocol), port))
        return True


def frontends_leading_to(
    endpoints: Collection[tuple[str, int]], rows: pl.DataFrame, compiler: RuleCompiler
) -> set[Frontend]:
    """The destinations of the rules that lead to any of these (address, port): from DNAT back through the jumps."""
    import polars as pl

    rules = rows.select("chain", "target", "spec", "family", "table_name").with_row_index()
    texts = [text for address, port in endpoints for text in (f"{address}:{port}", f"[{address}]:{port}")]
    to = pl.col("spec").str.extract(r"--to-destination (\S+)")
    todo = set(rules.filter(pl.col("target") == "DNAT", to.is_in(texts))["chain"])
    frontends, visited = set[Frontend](), set(todo)
    while todo:
        callers = rules.filter(pl.col("target").is_in(todo)).select("index", "chain", "family", "table_name").rows()
        by_row = {row: _frontend(compiler.rule(row, str(f), str(table)), f) for row, _, f, table in callers}
        frontends |= {frontend for frontend in by_row.values() if frontend}
        todo = {chain for row, chain, _, _ in callers if not by_row[row]} - visited
        visited |= todo
    return frontends


def _frontend(rule: Rule, family: object) -> Frontend | None:
    """The service address that a rule requires; None if it does not require one."""
    (address, port), protocol = single_destination(rule), single_protocol(rule)
    if address is None or port is None or protocol is None:
        return None
    return protocol, written(address, "ip6" if family == "ip6" else "ip"), port
