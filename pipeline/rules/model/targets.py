"""What a rule does with the packets that match it: its target.

Example: `-j KUBE-SVC-X` becomes `Jump("KUBE-SVC-X")`, `-j DNAT --to-destination 10.100.0.7:80` becomes
`Dnat(address, 80)`. Targets that large dumps have by the hundred thousand are not frozen dataclasses: a frozen one
takes three times as long to build.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.rules.model.reasons import Reason

    Key = tuple[object, ...]  # a packet's values of the fields of a verdict map


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with the next rule."""


@dataclass(slots=True)
class Jump:
    """Enter another chain; with `goto`, the packet does not return to this one."""

    chain: str
    goto: bool = False


@dataclass(frozen=True, slots=True)
class Return:
    """Return to the rule after the jump."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`accept`, `drop` or `reject`."""

    name: str


@dataclass(slots=True)
class Dnat:
    """Rewrite the destination; None keeps the address or the port. `doubt`: what the dump does not show of it."""

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
class RandomChoice:
    """One of several targets at random, each with its share."""

    options: tuple[tuple[float, Target], ...]


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """An nft verdict map: from the packet's `fields` (dst, protocol, port) to a target and the row that defines it."""

    fields: tuple[str, ...]
    entries: Mapping[Key, tuple[Target, int]]


@dataclass(frozen=True, slots=True)
class UnknownTarget:
    """A target whose effect is not fully known; `affects_shares`: it may choose the endpoint."""

    reason: str
    affects_shares: bool = True


Target = Continue | Jump | Return | Verdict | Dnat | Redirect | Snat | RandomChoice | VerdictMap | UnknownTarget


def next_chains(target: Target) -> Iterable[str]:
    """The chains that a target may enter."""
    if isinstance(target, Jump):
        yield target.chain
    elif isinstance(target, RandomChoice):
        for _, option in target.options:
            yield from next_chains(option)
    elif isinstance(target, VerdictMap):
        for option, _ in target.entries.values():
            yield from next_chains(option)
