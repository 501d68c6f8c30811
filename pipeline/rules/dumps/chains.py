"""A chain's rules, and which of them a destination could match."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.dumps.frontends import exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.rules.dumps.dump_conflicts import Dispute
    from pipeline.rules.model.targets import Rule

_SMALL = 8


@dataclass(slots=True)
class Chain:
    """A chain's rules, with an index if there are many."""

    name: str
    rules: list[Rule]
    disputes: tuple[Dispute, ...] = ()
    by_name: _ByName | None = None

    def __post_init__(self) -> None:
        """Most chains are short."""
        if len(self.rules) > _SMALL:
            self.by_name = _ByName(self.rules)

    def candidates(self, dst: int, port: int) -> Sequence[Rule]:
        """The rules that could match this destination, in order."""
        return self.by_name.candidates(dst, port) if self.by_name else self.rules


class _ByName:
    """Rules by the address, else the port, that they name."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.by_dst: dict[int, list[int]] = defaultdict(list)
        self.by_port: dict[int, list[int]] = defaultdict(list)
        self.always: list[int] = []
        for i, rule in enumerate(rules):
            address, port = exact(rule)
            if address is not None:
                self.by_dst[address].append(i)
            elif port is not None:
                self.by_port[port].append(i)
            else:
                self.always.append(i)

    def candidates(self, dst: int, port: int) -> Sequence[Rule]:
        """The rules that name this address or port, or none, in order."""
        found = [*self.by_dst.get(dst, ()), *self.by_port.get(port, ()), *self.always]
        return [self.rules[i] for i in sorted(found)]
