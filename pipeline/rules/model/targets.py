"""What a rule does with the packets that match it.

What large dumps have by the hundred thousand is not frozen: that would make it three times as dear to build.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.model.matches import Not, Step, Unclear

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.rules.model.reasons import Reason

    # set by the tracer: the fields a lookup may use
    Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with the next rule."""


@dataclass(slots=True)
class Jump:
    """Go through another chain; `goto` does not come back here."""

    chain: str
    goto: bool = False


@dataclass(frozen=True, slots=True)
class Return:
    """Back to the rule after the jump."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`accept`, `drop` or `reject`."""

    name: str


@dataclass(slots=True)
class Dnat:
    """Rewrite the destination; None keeps address or port. `doubt` says what the dump hides of it."""

    address: int | None
    port: int | None
    doubt: Reason | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Rewrite the destination to the node itself."""

    port: int | None


@dataclass(frozen=True, slots=True)
class Snat:
    """Rewrite the source (MASQUERADE, SNAT)."""


@dataclass(frozen=True, slots=True)
class Choose:
    """One of several, at random, each with its share."""

    options: tuple[tuple[float, Outcome], ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A verdict map: fields `dst`, `protocol`, `port` of the packet to an outcome and the row that says so."""

    fields: tuple[str, ...]
    entries: Mapping[Key, tuple[Outcome, int]]


@dataclass(frozen=True, slots=True)
class Obscure:
    """A target of which not all is known; `shares` says whether it may choose the endpoint."""

    reason: str
    shares: bool = True


Outcome = Continue | Jump | Return | Verdict | Dnat | Redirect | Snat | Choose | Lookup | Obscure


@dataclass(slots=True)
class Rule:
    """Steps in order, then an outcome. `row` is its place in the rules table."""

    row: int
    steps: tuple[Step, ...]
    outcome: Outcome

    def naming(self, where: str) -> Rule:
        """The rule, what is not known of it saying where it stands."""
        named = tuple(_naming(step, where) for step in self.steps)
        outcome = self.outcome
        if isinstance(outcome, Obscure):
            outcome = Obscure(f"{where}: {outcome.reason}", outcome.shares)
        return Rule(self.row, named, outcome)


def _naming(step: Step, where: str) -> Step:
    if isinstance(step, Not):
        return Not(_naming(step.step, where))
    return Unclear(f"{where}: {step.reason}") if isinstance(step, Unclear) else step


def targets(outcome: Outcome) -> Iterable[str]:
    """The chains an outcome may enter."""
    if isinstance(outcome, Jump):
        yield outcome.chain
    elif isinstance(outcome, Choose):
        for _, option in outcome.options:
            yield from targets(option)
    elif isinstance(outcome, Lookup):
        for option, _ in outcome.entries.values():
            yield from targets(option)
