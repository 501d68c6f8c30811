"""What a trace carries along: a set of packets that differ in their source only, and the place they were sent from."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.model.ip_ranges import Range, is_loopback, range_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.rules.model.reasons import Reason
    from pipeline.rules.tracing.endpoint_choices import Pick

Trail = tuple[tuple[int, ...], "Trail"] | None  # the rules followed, last ones first
Assumption = tuple["Reason", bool]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something the dump does not show; what it blurs."""

    reason: Reason
    shares: bool = False
    source_nat: bool = False


@dataclass(slots=True)
class State:
    """Packets on their way. `sources` is a bit set over the scene's sources, `share` the part of their connections.

    `assumed` are answers that the dump does not give and that this branch took as yes or no.
    A branch may stand for several endpoints that no later rule tells apart: `picks`, each with its part of `share`; it
    has the address and port of the first.
    """

    sources: int
    share: float
    dst: int
    port: int
    mark: int = 0
    ct_mark: int = 0
    translated: bool = False
    source_nat: bool = False
    untracked: bool = False
    affinity_s: int | None = None
    assumed: tuple[Assumption, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    trail: Trail = None
    picks: Sequence[Pick] = ()

    def copy(self) -> State:
        """A branch of its own."""
        return State(
            self.sources,
            self.share,
            self.dst,
            self.port,
            self.mark,
            self.ct_mark,
            self.translated,
            self.source_nat,
            self.untracked,
            self.affinity_s,
            self.assumed,
            self.doubts,
            self.trail,
            self.picks,
        )

    def only(self, sources: int) -> State | None:
        """The packets with these sources."""
        if not (kept := self.sources & sources):
            return None
        branch = self.copy()
        branch.sources = kept
        return branch

    def part(self, share: float) -> State:
        """A share of the connections."""
        branch = self.copy()
        branch.share *= share
        return branch

    def assuming(self, reason: Reason, answer: bool) -> State | None:
        """The branch in which `reason` is answered so; None where it was answered otherwise before."""
        for known, earlier in self.assumed:
            if known == reason:
                return self if earlier is answer else None
        branch = self.copy()
        branch.assumed = (*self.assumed, (reason, answer))
        return branch


Split = tuple[State | None, State | None]


def unclear(state: State, reason: Reason) -> Split:
    """Both answers, because the dump does not tell."""
    return state.assuming(reason, True), state.assuming(reason, False)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What is known of a node: its own addresses (empty: not known) and the ranges its pods live in."""

    addresses: frozenset[str] = frozenset()
    pod_ranges: tuple[str, ...] = ()


@dataclass(slots=True)
class Scene:
    """What all packets of one trace share: family, protocol, where they come from, and the node they meet.

    `sources` are sorted; bit i of a State's `sources` stands for `sources[i]`. `own` is None where the node's
    addresses are not known. `origin` is node, pod, external, or None where it is not known.
    """

    family: str
    protocol: str
    sources: Sequence[int]
    origin: str | None = None
    own: frozenset[int] | None = None
    pod_ranges: tuple[Range, ...] = ()

    @property
    def everyone(self) -> int:
        """The bit set of all sources."""
        return (1 << len(self.sources)) - 1

    def among(self, ranges: Sequence[Range]) -> int:
        """The bit set of sources within any of the ranges."""
        bits = 0
        for first, last in ranges:
            bits |= (1 << bisect_right(self.sources, last)) - (1 << bisect_left(self.sources, first))
        return bits

    def is_local(self, address: int) -> bool | None:
        """Whether the address is the node's own; None where that is not known."""
        if is_loopback(address, self.family):
            return True
        return None if self.own is None else address in self.own

    def local_sources(self) -> int | None:
        """The bit set of sources that are the node's own; None where that is not known."""
        if self.own is not None:
            return self.among([(a, a) for a in self.own]) | self.among([loopback(self.family)])
        return None if self.origin is None else self.everyone if self.origin == "node" else 0


def loopback(family: str) -> Range:
    """The addresses that always are the node's own."""
    return range_of("::1" if family == "ip6" else "127.0.0.0/8")
