"""What a rule does with the packets that match it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.rules.steps import Step

    # set by the tracer: the fields a lookup may use
    Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with the next rule."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Dnat:
    """Rewrite the destination; None keeps address or port. `doubt` says what the dump hides of it."""

    address: int | None
    port: int | None
    doubt: str | None = None


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
    """A target that is not understood: what it does is not known."""

    text: str


Outcome = Continue | Jump | Return | Verdict | Dnat | Redirect | Snat | Choose | Lookup | Obscure


@dataclass(frozen=True, slots=True)
class Rule:
    """Steps in order, then an outcome. `row` is its place in the rules table."""

    row: int
    steps: tuple[Step, ...]
    outcome: Outcome


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
