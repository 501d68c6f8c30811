"""The destinations that the rules after DNAT test: endpoints that no such test distinguishes are traced together.

Example: if the only later test is `-d 10.100.0.2/32 -j DROP`, a service with 1,000 endpoints has two groups: 10.100.0.2
and the other 999.
"""

from __future__ import annotations

from itertools import dropwhile
from typing import TYPE_CHECKING

from pipeline.rules.model.matches import Destination, DestinationPort, InSet, without_negation
from pipeline.rules.model.targets import VerdictMap, next_chains

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.rules.dumps.chains import Chains
    from pipeline.rules.model.ip_ranges import Range
    from pipeline.rules.model.rule import Rule

_DNAT_HOOKS = ("prerouting", "output")  # here only the base chains after nat are later than DNAT
_LATER_HOOKS = ("input", "forward", "postrouting")
_FEW_TESTS = 64


class PostNatFields:
    """The tests of destination address and port in the chains of the later hooks."""

    def __init__(self, rules: Chains, family: str) -> None:
        """Collect the tests of every chain that can be reached."""
        self.rules = rules
        self.family = family
        self.addresses: set[int] = set()
        self.ports: set[int] = set()
        self.ranges: set[Range] = set()
        self.port_ranges: set[Range] = set()
        self.sets: list[tuple[tuple[str, ...], Mapping[tuple[object, ...], object]]] = []
        self._visited: set[tuple[str, str]] = set()
        for hook in _LATER_HOOKS:
            for base in rules.hooks[family].get(hook, ()):
                self._visit(base.table, base.chain)
        for hook in _DNAT_HOOKS:
            for base in dropwhile(lambda base: not base.nat, rules.hooks[family].get(hook, ())):
                if not base.nat:
                    self._visit(base.table, base.chain)
        self._has_few_tests = max(len(self.ranges), len(self.port_ranges), len(self.sets)) <= _FEW_TESTS

    def group_key(self, dst: int, port: int, protocol: str) -> tuple[object, ...]:
        """The results of all tests for a destination: equal keys mean that later rules treat them equally."""
        if not self._has_few_tests:
            return dst, port
        values = {"dst": dst, "protocol": protocol, "port": port}
        keys = [(tuple([values[name] for name in fields]), entries) for fields, entries in self.sets]
        in_sets = tuple([key if key in entries else None for key, entries in keys])
        in_ranges = tuple([first <= dst <= last for first, last in self.ranges])
        in_ports = tuple([first <= port <= last for first, last in self.port_ranges])
        tested = dst if dst in self.addresses else None, port if port in self.ports else None
        return *tested, in_ranges, in_ports, in_sets

    def _visit(self, table: str, name: str) -> None:
        if (table, name) in self._visited:
            return
        self._visited.add((table, name))
        chain = self.rules.chain(self.family, table, name)
        if chain is None:
            return
        for address, port in (destination for conflict in chain.conflicts for destination in conflict.destinations):
            self.addresses.update([] if address is None else [address])
            self.ports.update([] if port is None else [port])
        for rule in chain.rules:
            self._add_tests(rule)
            for next_chain in next_chains(rule.target):
                self._visit(table, next_chain)

    def _add_tests(self, rule: Rule) -> None:
        for step in map(without_negation, rule.steps):
            if isinstance(step, Destination):
                _add_ranges(step.ranges, self.addresses, self.ranges)
            elif isinstance(step, DestinationPort):
                _add_ranges(step.ranges, self.ports, self.port_ranges)
            elif isinstance(step, InSet):
                self.sets.append((step.fields, step.entries))
        if isinstance(rule.target, VerdictMap):
            self.sets.append((rule.target.fields, rule.target.entries))


def _add_ranges(ranges: Iterable[Range], single: set[int], wide: set[Range]) -> None:
    for first, last in ranges:
        if first == last:
            single.add(first)
        else:
            wide.add((first, last))
