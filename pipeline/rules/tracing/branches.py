"""Branches of a walk: their ends, their likeness, and how they are put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.rules.tracing.state import Doubt, State, Trail


@dataclass(slots=True)
class End:
    """A branch at its end: `dnat`, `accept`, `drop`, `reject` or `none`."""

    state: State
    verdict: str


def doubting(state: State, doubt: Doubt) -> State:
    """The branch, with a doubt more."""
    if doubt not in state.doubts:
        state.doubts = (*state.doubts, doubt)
    return state


def joined(states: list[State]) -> list[State]:
    """Branches that differ only in the answer to one open question, made one again."""
    if len(states) < 2 or not any(s.assumed for s in states):
        return states
    kept: dict[tuple[object, ...], list[State]] = {}
    for state in states:
        alike = kept.setdefault(apart_from_answers(state), [])
        if not any(_merged(other, state) for other in alike):
            alike.append(state)
    return [state for alike in kept.values() for state in alike]


def _merged(one: State, other: State) -> bool:
    """Whether the two answers cancel out; `one` then stands for both."""
    differing = set(one.assumed) ^ set(other.assumed)
    if differing and (len(differing) != 2 or len({reason for reason, _ in differing}) != 1):
        return False
    if not differing:
        return False
    one.assumed = tuple(a for a in one.assumed if a not in differing)
    return True


def apart_from_answers(s: State, *, whole: bool = True) -> tuple[object, ...]:
    """All that tells branches apart but their open questions; not `whole`: but where they go, too."""
    rest = (s.sources, s.mark, s.ct_mark, s.translated, s.source_nat, s.untracked, s.doubts)
    return (*rest, s.share, s.dst, s.port, id(s.picks), s.affinity_s) if whole else rest


def continued(state: State, end: State) -> State:
    """`end` is how a branch like `state` went on; here for `state` itself."""
    branch = end.copy()
    branch.share, branch.dst, branch.port = state.share * end.share, state.dst, state.port
    branch.affinity_s, branch.picks = state.affinity_s, state.picks
    branch.trail = (end.trail[0], state.trail) if end.trail else state.trail
    return branch


def rows(trail: Trail) -> tuple[int, ...]:
    """The rows of a trail, first one first."""
    parts = []
    while trail:
        parts.append(trail[0])
        trail = trail[1]
    return tuple(row for part in reversed(parts) for row in part)
