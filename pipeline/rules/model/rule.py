"""One rule: its steps, then its target. What the grammars produce and the tracer walks through.

Example: `-s 10.100.0.9/32 -p tcp --dport 80 -j KUBE-SVC-X` becomes the steps Source, ProtocolIs and DestinationPort,
and the target Jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.model.matches import (
    CopyMark,
    Destination,
    DestinationPort,
    Not,
    NoTrack,
    ProtocolIs,
    SetMark,
    UnknownMatch,
)
from pipeline.rules.model.targets import UnknownTarget

if TYPE_CHECKING:
    from pipeline.rules.model.matches import Step
    from pipeline.rules.model.targets import Target


@dataclass(slots=True)
class Rule:
    """Steps in order, then a target. `row` is the rule's row in the rules table."""

    row: int
    steps: tuple[Step, ...]
    target: Target

    def with_location(self, where: str) -> Rule:
        """The rule with `where` (file:line) in front of the reasons of its unknown matches and target."""
        target = self.target
        if isinstance(target, UnknownTarget):
            target = UnknownTarget(f"{where}: {target.reason}", target.affects_shares)
        return Rule(self.row, tuple(_with_location(step, where) for step in self.steps), target)


def _with_location(step: Step, where: str) -> Step:
    if isinstance(step, Not):
        return Not(_with_location(step.step, where))
    return UnknownMatch(f"{where}: {step.reason}") if isinstance(step, UnknownMatch) else step


def single_destination(rule: Rule) -> tuple[int | None, int | None]:
    """The single destination address and the single port that a rule requires; None for any or several."""
    address = port = None
    for step in rule.steps:
        if isinstance(step, SetMark | CopyMark | NoTrack):
            break
        if isinstance(step, Destination | DestinationPort) and len(step.ranges) == 1:
            first, last = step.ranges[0]
            if first == last and isinstance(step, Destination):
                address = first
            elif first == last:
                port = first
    return address, port


def single_protocol(rule: Rule) -> str | None:
    """The single protocol that a rule requires; None for any or several."""
    names = next((step.names for step in rule.steps if isinstance(step, ProtocolIs)), frozenset[str]())
    return next(iter(names)) if len(names) == 1 else None
