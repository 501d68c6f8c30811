"""One compiled chain, with an index of the rules that a destination could match.

Example: of the 10,000 rules of KUBE-SERVICES, only those that name 10.200.0.1, and those that name no destination, are
candidates for a packet to 10.200.0.1.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline.rules.model.rule import single_destination

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.rules.dumps.dump_conflicts import DumpConflict
    from pipeline.rules.dumps.hooks import BaseChain
    from pipeline.rules.model.rule import Rule

_FEW_RULES = 8


@dataclass(slots=True)
class Chain:
    """A chain's rules, with an index if there are many."""

    name: str
    rules: list[Rule]
    conflicts: tuple[DumpConflict, ...] = ()
    _by_destination: _RulesByDestination | None = None

    def __post_init__(self) -> None:
        """Most chains are short and need no index."""
        if len(self.rules) > _FEW_RULES:
            self._by_destination = _RulesByDestination(self.rules)

    def candidates(self, dst: int, port: int) -> Sequence[Rule]:
        """The rules that could match this destination, in order."""
        return self._by_destination.candidates(dst, port) if self._by_destination else self.rules


class Chains(Protocol):
    """The compiled chains of one node, and the base chains at which the kernel enters them. A RuleSet is one."""

    @property
    def hooks(self) -> Mapping[str, Mapping[str, Sequence[BaseChain]]]:
        """The base chains by family and hook, sorted by priority."""
        ...

    def chain(self, family: str, table: str, name: str) -> Chain | None:
        """A chain; None if the dump does not show it."""
        ...


class _RulesByDestination:
    """Rules by the address that they require, otherwise by the port."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.by_address: dict[int, list[int]] = defaultdict(list)
        self.by_port: dict[int, list[int]] = defaultdict(list)
        self.any_destination: list[int] = []
        for i, rule in enumerate(rules):
            address, port = single_destination(rule)
            if address is not None:
                self.by_address[address].append(i)
            elif port is not None:
                self.by_port[port].append(i)
            else:
                self.any_destination.append(i)

    def candidates(self, dst: int, port: int) -> Sequence[Rule]:
        """The rules that require this address or this port, or neither, in order."""
        numbers = [*self.by_address.get(dst, ()), *self.by_port.get(port, ()), *self.any_destination]
        return [self.rules[i] for i in sorted(numbers)]
