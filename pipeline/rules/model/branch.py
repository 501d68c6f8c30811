"""A branch of a trace: a set of packets that differ in their source address only, and what rules have done to them.

The tracer starts with one branch that holds all sources. A rule that matches some of them splits it:
`-s 10.100.0.0/16` leaves one branch with the sources inside that range and one with the sources outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.rules.model.reasons import Reason

Trail = tuple[tuple[int, ...], "Trail"] | None  # rows of the rules followed, as a linked list: the last ones first
Assumption = tuple["Reason", bool]


@dataclass(slots=True, eq=False)
class WeightedEndpoint:
    """An endpoint, its share of the connections that reach the choice, and the rows of the rules that lead to it."""

    share: float
    address: int
    port: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that the dump does not show, and whether it makes the shares or the source NAT uncertain."""

    reason: Reason
    affects_shares: bool = False
    affects_source_nat: bool = False


@dataclass(slots=True)
class Branch:
    """Packets on their way. `sources` is a bit set over the context's sources, `share` the part of their connections.

    `assumptions` are the answers that this branch takes to questions which the dump leaves open.
    A branch may represent several endpoints that no later rule distinguishes: `endpoints`, each with its part of
    `share`. It then has the address and port of the first.
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
    assumptions: tuple[Assumption, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    trail: Trail = None
    endpoints: Sequence[WeightedEndpoint] = ()

    def copy(self) -> Branch:
        """An independent copy."""
        return Branch(
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
            self.assumptions,
            self.doubts,
            self.trail,
            self.endpoints,
        )

    def only(self, sources: int) -> Branch | None:
        """The packets with these sources; None if there are none."""
        if not (kept := self.sources & sources):
            return None
        branch = self.copy()
        branch.sources = kept
        return branch

    def part(self, share: float) -> Branch:
        """A copy that has this share of the connections."""
        branch = self.copy()
        branch.share *= share
        return branch

    def assume(self, question: Reason, answer: bool) -> Branch | None:
        """The branch in which `question` has this answer; None if it assumed the opposite before."""
        for asked, earlier in self.assumptions:
            if asked == question:
                return self if earlier is answer else None
        branch = self.copy()
        branch.assumptions = (*self.assumptions, (question, answer))
        return branch

    def add_doubt(self, doubt: Doubt) -> Branch:
        """The branch itself, with one more doubt."""
        if doubt not in self.doubts:
            self.doubts = (*self.doubts, doubt)
        return self


Split = tuple[Branch | None, Branch | None]  # (packets that match, packets that do not)


def split_by_assumption(branch: Branch, question: Reason) -> Split:
    """Both answers to a question that the dump leaves open: one branch assumes yes, the other no."""
    return branch.assume(question, True), branch.assume(question, False)
