"""The answer to a trace: from the branches of a walk to endpoints, shares and certainty."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pipeline.rules.model.reasons import Reason
from pipeline.rules.tracing.branches import End
from pipeline.rules.tracing.walk import TooManyBranchesError, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.tracing.state import Scene

VERDICTS = ("dnat", "reject", "drop", "accept", "none")  # the first that any branch has is the trace's
_WORLD_LIMIT = 64
NO_FILTER = Reason("table-missing", "the filter table is not in the dump: it may drop or reject")
TOO_MANY = Reason("too-many-branches", "too many rules depend on what the dump does not show")
NO_NAT = Reason("table-missing", "no nat rules are in the dump that packets would enter")

Result = tuple[str, int | None, int | None, bool]  # verdict, endpoint address and port, source NAT
World = dict[Result, float]


class Endpoint(NamedTuple):
    """One endpoint the rules may choose; `probability` is None where the dump does not tell."""

    address: int
    port: int
    probability: float | None
    source_nat: bool | None


@dataclass(frozen=True, slots=True)
class Trace:
    """What the rules do with packets from `sources` (a bit set over the scene's) to one destination.

    `rows` are the rules followed, in order, as places in the rule set's columns.
    """

    sources: int
    verdict: str
    endpoints: tuple[Endpoint, ...]
    affinity_s: int | None
    uncertain_because: tuple[Reason, ...]
    rows: tuple[int, ...]

    @property
    def certain(self) -> bool:
        """Whether the rules shown allow nothing else."""
        return not self.uncertain_because

    @property
    def source_nat(self) -> bool | None:
        """Whether the source is rewritten; None if not known or not the same for all endpoints."""
        answers = {e.source_nat for e in self.endpoints}
        if len(answers) > 1 or (not answers and self.uncertain_because):
            return None
        return answers.pop() if answers else False


class Tracer:
    """Traces packets of one scene to any number of destinations."""

    def __init__(self, rules: RuleSet, scene: Scene) -> None:
        """What one destination's trace finds out of later rules serves the next."""
        self.rules = rules
        self.scene = scene
        self.walk = Walk(rules, scene)

    def trace(self, dst: int, port: int) -> list[Trace]:
        """One trace for each set of sources that the rules treat differently on the way to this destination."""
        try:
            ends = self.walk.ends(dst, port)
        except TooManyBranchesError:
            return [Trace(self.scene.everyone, "none", (), None, (TOO_MANY,), ())]
        parts = _parts(ends, self.scene)
        return [_answer(p, [e for e in ends if e.state.sources & p], self.rules, self.scene) for p in parts]


def _parts(ends: Iterable[End], scene: Scene) -> list[int]:
    """The sources, cut wherever any branch has some of them only."""
    parts = [scene.everyone]
    for mask in {e.state.sources for e in ends}:
        parts = [p for part in parts for p in (part & mask, part & ~mask) if p]
    return sorted(parts, key=lambda p: p & -p)


def _answer(part: int, ends: Sequence[End], rules: RuleSet, scene: Scene) -> Trace:
    verdict = next((v for v in VERDICTS if any(e.verdict == v for e in ends)), "none")
    reasons = {d.reason: None for e in ends for d in e.state.doubts}
    worlds = _worlds(ends, reasons)
    reasons |= dict.fromkeys(_unseen(rules, scene, verdict))
    affinity = max((e.state.affinity_s for e in ends if e.state.affinity_s is not None), default=None)
    shares = any(d.shares for e in ends for d in e.state.doubts)
    nat = any(d.source_nat for e in ends for d in e.state.doubts)
    endpoints = _endpoints(worlds, known_shares=not shares, known_nat=not nat)
    return Trace(part, verdict, endpoints, affinity if verdict == "dnat" else None, tuple(reasons), _rows(ends))


def _unseen(rules: RuleSet, scene: Scene, verdict: str) -> Iterable[Reason]:
    """What is wrong with the dump as a whole."""
    yield from rules.blurs
    hooks = rules.hooks[scene.family]
    if not any(base.nat for hook in ("prerouting", "output") for base in hooks.get(hook, ())):
        yield NO_NAT
    if verdict == "none" and rules.lacks_filter(scene.family):
        yield NO_FILTER


def _worlds(ends: Sequence[End], reasons: dict[Reason, None]) -> list[World]:
    """What happens under each set of answers to the open questions; those that matter are added to `reasons`."""
    question = next((reason for e in ends for reason, _ in e.state.assumed), None)
    if question is None:
        return [_world(ends)]
    yes, no = (_worlds(_given(ends, question, answer), reasons) for answer in (True, False))
    if _same(yes + no):
        return yes
    if not _equal(yes, no):
        reasons[question] = None
    return (yes + no)[:_WORLD_LIMIT]


def _given(ends: Sequence[End], question: Reason, answer: bool) -> list[End]:
    """The branches that are possible with this answer, the question struck from them."""
    given = []
    for end in ends:
        if (question, not answer) not in end.state.assumed:
            state = end.state.copy()
            state.assumed = tuple(a for a in state.assumed if a[0] != question)
            given.append(End(state, end.verdict))
    return given


def _world(ends: Iterable[End]) -> World:
    world: World = defaultdict(float)
    for end in ends:
        state = end.state
        if end.verdict != "dnat":
            world[end.verdict, None, None, False] += state.share * (sum(p.share for p in state.picks) or 1)
        elif state.picks:
            for pick in state.picks:
                world["dnat", pick.address, pick.port, state.source_nat] += state.share * pick.share
        else:
            world["dnat", state.dst, state.port, state.source_nat] += state.share
    return {result: round(share, 9) for result, share in world.items()}


def _same(worlds: Sequence[World]) -> bool:
    return all(w == worlds[0] for w in worlds)


def _equal(yes: list[World], no: list[World]) -> bool:
    return len(yes) == len(no) and all(a == b for a, b in zip(yes, no, strict=True))


def _endpoints(worlds: list[World], *, known_shares: bool, known_nat: bool) -> tuple[Endpoint, ...]:
    """Every endpoint of any world, with what all worlds agree on."""
    found = [result for result in worlds[0] if result[0] == "dnat"] if len(worlds) == 1 else []
    if known_shares and known_nat and found and len(found) == len({place[1:3] for place in found}):
        return tuple([Endpoint(place[1] or 0, place[2] or 0, worlds[0][place], place[3]) for place in found])
    return _agreed(worlds, known_shares=known_shares, known_nat=known_nat)


def _agreed(worlds: list[World], *, known_shares: bool, known_nat: bool) -> tuple[Endpoint, ...]:
    shares: dict[tuple[int | None, int | None], list[float]] = {}
    nats: dict[tuple[int | None, int | None], set[bool]] = {}
    for i, world in enumerate(worlds):
        for (verdict, address, port, nat), share in world.items():
            if verdict == "dnat":
                shares.setdefault((address, port), [0.0] * len(worlds))[i] += share
                nats.setdefault((address, port), set()).add(nat)
    found: list[Endpoint] = []
    for place, by_world in shares.items():
        share_ = by_world[0] if known_shares and len(set(by_world)) == 1 else None
        nat_ = next(iter(nats[place])) if known_nat and len(nats[place]) == 1 else None
        found.append(Endpoint(place[0] or 0, place[1] or 0, share_, nat_))
    return tuple(found)


def _rows(ends: Iterable[End]) -> tuple[int, ...]:
    """The rules followed by any branch, in the order of following; what branches share is gone through once."""
    rows: dict[int, None] = {}
    seen: set[int] = set()
    for end in ends:
        parts, trail = [], end.state.trail
        while trail and id(trail) not in seen:
            seen.add(id(trail))
            parts.append(trail[0])
            trail = trail[1]
        for part in reversed(parts):
            rows.update(dict.fromkeys(part))
    return tuple(rows)
