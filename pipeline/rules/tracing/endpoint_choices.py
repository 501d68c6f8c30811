"""Chains that end in a choice among endpoints: read once, and followed as one step instead of endpoint by endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.rules.model.matches import Chance, ProtocolIs
from pipeline.rules.model.targets import Choose, Dnat, Jump
from pipeline.rules.tracing.endpoint_chains import common, direct

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.rules.model.ip_ranges import Range
    from pipeline.rules.model.targets import Outcome, Rule
    from pipeline.rules.tracing.endpoint_chains import End

    EndOf = Callable[[str], End | None]  # where the chain of this name translates to


@dataclass(slots=True, eq=False)
class Pick:
    """An endpoint, its share of what comes to the choice, and the rules that lead to it."""

    share: float
    address: int
    port: int
    rows: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Fan:
    """From the rule at `start` on a chain only chooses among `picks`; `before` are the rules that it has before that.

    That is so for packets of `protocols` (None: any) that do not come from `sources`: what an endpoint's chain does
    with those, its own packets mostly, is for the rules themselves to say.
    """

    start: int
    before: list[Rule] = field(default_factory=list)
    picks: list[Pick] = field(default_factory=list)
    sources: list[Range] = field(default_factory=list)
    protocols: frozenset[str] | None = None

    def chooses_for(self, protocol: str) -> bool:
        """Whether packets of a protocol are chosen for by all of its rules."""
        return self.protocols is None or protocol in self.protocols


def plain_fan(rows: Sequence[int], choices: Sequence[tuple[float | None, str]], end_of: EndOf) -> Fan | None:
    """How a chain ends, if it ends in a choice in kube-proxy's words: `choices` has each rule's share and target."""
    ends: list[End] = []
    for share, target in reversed(choices):
        if share is None or not (end := end_of(target)) or (not ends and share < 1):
            break
        ends.append(end)
    fan, rest = Fan(len(rows) - len(ends)), 1.0
    for row, (share, _), end in zip(rows[fan.start :], choices[fan.start :], reversed(ends), strict=True):
        fan.picks.append(Pick(rest * (share or 0), end.address, end.port, (row, *end.rows)))
        fan.sources += end.sources
        rest *= 1 - (share or 0)
        if not rest:
            break
    fan.protocols = common(end.protocols for end in ends)
    return fan if ends else None


def fan_of(rules: Sequence[Rule], end_of: EndOf) -> Fan | None:
    """How a chain ends, if it ends in a choice; None if it does not, or leaves some packets unchosen."""
    found = list[_Choice]()
    for rule in reversed(rules):
        if (choice := _choice(rule, end_of)) is None:
            break
        found.append(choice)
    start, rest = len(rules) - len(found), 1.0
    fan = Fan(start, list(rules[:start]))
    for choice in reversed(found):
        for part, end in choice.ends if choice.share else ():
            rows = (choice.rule.row, *end.rows)
            fan.picks.append(Pick(rest * choice.share * part, end.address, end.port, rows))
            fan.sources += end.sources
        rest *= 1 - choice.share
        if not rest:
            fan.protocols = common(p for c in found for p in c.protocols)
            return fan
    return None


@dataclass(slots=True)
class _Choice:
    """A rule that sends a share of all packets to endpoints."""

    rule: Rule
    share: float
    protocols: list[frozenset[str] | None]
    ends: list[tuple[float, End]]


def _choice(rule: Rule, end_of: EndOf) -> _Choice | None:
    choice = _Choice(rule, 1.0, [], [])
    for step in rule.steps:
        if isinstance(step, Chance) and choice.share == 1:
            choice.share = min(max(step.share, 0.0), 1.0)
        elif isinstance(step, ProtocolIs):
            choice.protocols.append(step.names)
        else:
            return None
    options = rule.outcome.options if isinstance(rule.outcome, Choose) else ((1.0, rule.outcome),)
    for part, outcome in options:
        if (end := _end(outcome, end_of)) is None:
            return None
        choice.ends.append((part, end))
        choice.protocols.append(end.protocols)
    return choice if abs(sum(part for part, _ in options) - 1) < 1e-9 else None


def _end(outcome: Outcome, end_of: EndOf) -> End | None:
    if isinstance(outcome, Jump):
        return end_of(outcome.chain)
    return direct(outcome) if isinstance(outcome, Dnat) else None
