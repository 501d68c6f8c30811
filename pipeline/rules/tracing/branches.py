"""Operations of the walk on branches: end them, merge equal ones, and reuse the end of an equivalent one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.rules.model.branch import Branch, Trail


@dataclass(slots=True)
class EndedBranch:
    """A branch at its end; the verdict is `dnat`, `accept`, `drop`, `reject` or `none`."""

    branch: Branch
    verdict: str


def merge_equal(branches: list[Branch]) -> list[Branch]:
    """The branches, with two that differ only in the answer to one open question merged into one.

    Example: an unknown match decides whether a rule logs the packet. Both answers continue in the same way, so the
    question has no effect.
    """
    if len(branches) < 2 or not any(branch.assumptions for branch in branches):
        return branches
    by_key: dict[tuple[object, ...], list[Branch]] = {}
    for branch in branches:
        equal = by_key.setdefault(key_without_assumptions(branch), [])
        if not any(_merge(kept, branch) for kept in equal):
            equal.append(branch)
    return [branch for equal in by_key.values() for branch in equal]


def _merge(branch: Branch, other: Branch) -> bool:
    """Whether the two answers cancel out; `branch` then represents both."""
    differing = set(branch.assumptions) ^ set(other.assumptions)
    if len(differing) != 2 or len({reason for reason, _ in differing}) != 1:
        return False
    branch.assumptions = tuple(a for a in branch.assumptions if a not in differing)
    return True


def key_without_assumptions(branch: Branch) -> tuple[object, ...]:
    """Everything that distinguishes branches, except their assumptions."""
    return (
        *key_without_destination(branch),
        branch.share,
        branch.dst,
        branch.port,
        id(branch.endpoints),
        branch.affinity_s,
    )


def key_without_destination(branch: Branch) -> tuple[object, ...]:
    """What distinguishes branches for later rules, except their assumptions and their destination."""
    b = branch
    return b.sources, b.mark, b.ct_mark, b.translated, b.source_nat, b.untracked, b.doubts


def continue_as(branch: Branch, end: Branch) -> Branch:
    """The end of `branch`, copied from `end`, at which an equivalent branch with share 1 arrived."""
    continued = end.copy()
    continued.share, continued.dst, continued.port = branch.share * end.share, branch.dst, branch.port
    continued.affinity_s, continued.endpoints = branch.affinity_s, branch.endpoints
    continued.trail = (end.trail[0], branch.trail) if end.trail else branch.trail
    return continued


def rows_of(trail: Trail) -> tuple[int, ...]:
    """The rows of a trail, the first one first."""
    parts = []
    while trail:
        parts.append(trail[0])
        trail = trail[1]
    return tuple(row for part in reversed(parts) for row in part)
