"""What the rules after the choice of an endpoint can see of it: most can tell no endpoint from another.

Packets that those rules see alike share the rest of their way.
"""

from __future__ import annotations

from itertools import dropwhile
from typing import TYPE_CHECKING

from pipeline.rules.model.matches import Destination, Listed, Port, bare
from pipeline.rules.model.targets import Lookup, targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.model.ip_ranges import Range
    from pipeline.rules.model.targets import Rule

_FIRST_HOOKS = ("prerouting", "output")  # of these, what comes after the translation
_HOOKS = ("input", "forward", "postrouting")
_FEW = 64


class Sight:
    """The tests of destination and port that stand in the chains of the later hooks."""

    def __init__(self, rules: RuleSet, family: str) -> None:
        """Collect the tests, chain by chain."""
        self.rules = rules
        self.family = family
        self.addresses: set[int] = set()
        self.ports: set[int] = set()
        self.ranges: set[Range] = set()
        self.port_ranges: set[Range] = set()
        self.tables: list[tuple[tuple[str, ...], Mapping[tuple[object, ...], object]]] = []
        self._seen: set[tuple[str, str]] = set()
        for hook in _HOOKS:
            for base in rules.hooks[family].get(hook, ()):
                self._walk(base.table, base.chain)
        for hook in _FIRST_HOOKS:
            for base in dropwhile(lambda base: not base.nat, rules.hooks[family].get(hook, ())):
                if not base.nat:
                    self._walk(base.table, base.chain)
        self.blind = max(len(self.ranges), len(self.port_ranges), len(self.tables)) <= _FEW

    def of(self, dst: int, port: int, protocol: str) -> tuple[object, ...]:
        """What can be seen of a destination: equal for destinations that fare alike."""
        if not self.blind:
            return dst, port
        now = {"dst": dst, "protocol": protocol, "port": port}
        keys = [(tuple([now[name] for name in fields]), table) for fields, table in self.tables]
        listed = tuple([key if key in table else None for key, table in keys])
        inside = tuple([first <= dst <= last for first, last in self.ranges])
        ports = tuple([first <= port <= last for first, last in self.port_ranges])
        return dst if dst in self.addresses else None, port if port in self.ports else None, inside, ports, listed

    def _walk(self, table: str, name: str) -> None:
        if (table, name) in self._seen:
            return
        self._seen.add((table, name))
        chain = self.rules.chain(self.family, table, name)
        for address, port in (place for dispute in chain.disputes for place in dispute.places) if chain else ():
            self.addresses.update([] if address is None else [address])
            self.ports.update([] if port is None else [port])
        for rule in chain.rules if chain else ():
            self._note(rule)
            for onward in targets(rule.outcome):
                self._walk(table, onward)

    def _note(self, rule: Rule) -> None:
        for step in map(bare, rule.steps):
            if isinstance(step, Destination):
                _sort(step.ranges, self.addresses, self.ranges)
            elif isinstance(step, Port):
                _sort(step.ranges, self.ports, self.port_ranges)
            elif isinstance(step, Listed):
                self.tables.append((step.fields, step.entries))
        if isinstance(rule.outcome, Lookup):
            self.tables.append((rule.outcome.fields, rule.outcome.entries))


def _sort(ranges: Iterable[Range], single: set[int], wide: set[Range]) -> None:
    for first, last in ranges:
        if first == last:
            single.add(first)
        else:
            wide.add((first, last))
