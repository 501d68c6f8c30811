"""Traces packets to a destination and puts the branches of the walk together to one answer.

Example: for tcp from 203.0.113.9 to 10.200.0.1:80 the answer is the verdict `dnat`, three endpoints with the
probability 1/3 each, source NAT, no affinity, certain, and the rows of the rules that were followed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pipeline.rules.model.reasons import Reason
from pipeline.rules.tracing.branches import EndedBranch
from pipeline.rules.tracing.chain_walk import TooManyBranchesError
from pipeline.rules.tracing.hook_walk import HookWalk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.model.context import TraceContext

VERDICTS = ("dnat", "reject", "drop", "accept", "none")  # by precedence: the first one that any branch has
_MOST_DISTRIBUTIONS = 64
NO_FILTER = Reason("table-missing", "the filter table is not in the dump: it may drop or reject")
TOO_MANY = Reason("too-many-branches", "too many rules depend on what the dump does not show")
NO_NAT = Reason("table-missing", "no nat rules are in the dump that packets would enter")

Result = tuple[str, int | None, int | None, bool]  # verdict, endpoint address and port, source NAT
Distribution = dict[Result, float]  # each result with its probability


class Endpoint(NamedTuple):
    """An endpoint that the rules may choose; `probability` is None if the dump does not determine it."""

    address: int
    port: int
    probability: float | None
    source_nat: bool | None


@dataclass(frozen=True, slots=True)
class Trace:
    """What the rules do with packets from `sources` (a bit set over the context's sources) to one destination.

    `rows` are the rows of the rules that were followed, in order.
    """

    sources: int
    verdict: str
    endpoints: tuple[Endpoint, ...]
    affinity_s: int | None
    uncertain_because: tuple[Reason, ...]
    rows: tuple[int, ...]

    @property
    def certain(self) -> bool:
        """Whether the rules in the dump allow no other result."""
        return not self.uncertain_because

    @property
    def source_nat(self) -> bool | None:
        """Whether the source is rewritten; None if it is not known, or not the same for all endpoints."""
        answers = {e.source_nat for e in self.endpoints}
        if len(answers) > 1 or (not answers and self.uncertain_because):
            return None
        return answers.pop() if answers else False


class Tracer:
    """Traces packets of one context to any number of destinations."""

    def __init__(self, rules: RuleSet, context: TraceContext) -> None:
        """Traces share one walk, which caches the results of the rules after DNAT."""
        self.rules = rules
        self.context = context
        self._walk = HookWalk(rules, context)

    def trace(self, dst: int, port: int) -> list[Trace]:
        """One trace for each set of sources that the rules treat differently."""
        try:
            ends = self._walk.ends(dst, port)
        except TooManyBranchesError:
            return [Trace(self.context.all_sources, "none", (), None, (TOO_MANY,), ())]
        parts = _split_sources(ends, self.context)
        return [_answer(p, [e for e in ends if e.branch.sources & p], self.rules, self.context) for p in parts]


def _split_sources(ends: Iterable[EndedBranch], context: TraceContext) -> list[int]:
    """The sources, split so that each branch has all or none of a part."""
    parts = [context.all_sources]
    for mask in {e.branch.sources for e in ends}:
        parts = [p for part in parts for p in (part & mask, part & ~mask) if p]
    return sorted(parts, key=lambda p: p & -p)


def _answer(part: int, ends: Sequence[EndedBranch], rules: RuleSet, context: TraceContext) -> Trace:
    verdict = next((v for v in VERDICTS if any(e.verdict == v for e in ends)), "none")
    reasons = {d.reason: None for e in ends for d in e.branch.doubts}
    distributions = _distributions(ends, reasons)
    reasons |= dict.fromkeys(_faults(rules, context, verdict))
    affinity = max((e.branch.affinity_s for e in ends if e.branch.affinity_s is not None), default=None)
    shares = any(d.affects_shares for e in ends for d in e.branch.doubts)
    nat = any(d.affects_source_nat for e in ends for d in e.branch.doubts)
    endpoints = _endpoints(distributions, shares_known=not shares, nat_known=not nat)
    return Trace(part, verdict, endpoints, affinity if verdict == "dnat" else None, tuple(reasons), _rows(ends))


def _faults(rules: RuleSet, context: TraceContext, verdict: str) -> Iterable[Reason]:
    """Why the dump as a whole makes the trace uncertain."""
    yield from rules.uncertain_because
    hooks = rules.hooks[context.family]
    if not any(base.nat for hook in ("prerouting", "output") for base in hooks.get(hook, ())):
        yield NO_NAT
    if verdict == "none" and rules.lacks_filter(context.family):
        yield NO_FILTER


def _distributions(ends: Sequence[EndedBranch], reasons: dict[Reason, None]) -> list[Distribution]:
    """The distribution under each set of answers to the open questions; questions with an effect join `reasons`."""
    question = next((reason for e in ends for reason, _ in e.branch.assumptions), None)
    if question is None:
        return [_distribution(ends)]
    yes, no = (_distributions(_with_answer(ends, question, answer), reasons) for answer in (True, False))
    if _all_equal(yes + no):
        return yes
    if yes != no:
        reasons[question] = None
    return (yes + no)[:_MOST_DISTRIBUTIONS]


def _with_answer(ends: Sequence[EndedBranch], question: Reason, answer: bool) -> list[EndedBranch]:
    """The branches that are possible with this answer, without the question."""
    possible = []
    for end in ends:
        if (question, not answer) not in end.branch.assumptions:
            branch = end.branch.copy()
            branch.assumptions = tuple(a for a in branch.assumptions if a[0] != question)
            possible.append(EndedBranch(branch, end.verdict))
    return possible


def _distribution(ends: Iterable[EndedBranch]) -> Distribution:
    shares: Distribution = defaultdict(float)
    for end in ends:
        branch, endpoints = end.branch, end.branch.endpoints
        if end.verdict != "dnat":
            shares[end.verdict, None, None, False] += branch.share * (sum(e.share for e in endpoints) or 1)
        elif endpoints:
            for endpoint in endpoints:
                shares["dnat", endpoint.address, endpoint.port, branch.source_nat] += branch.share * endpoint.share
        else:
            shares["dnat", branch.dst, branch.port, branch.source_nat] += branch.share
    return {result: round(share, 9) for result, share in shares.items()}


def _all_equal(distributions: Sequence[Distribution]) -> bool:
    return all(distribution == distributions[0] for distribution in distributions)


def _endpoints(distributions: list[Distribution], *, shares_known: bool, nat_known: bool) -> tuple[Endpoint, ...]:
    """Every endpoint of any distribution, with the values that all distributions have in common."""
    results = [result for result in distributions[0] if result[0] == "dnat"] if len(distributions) == 1 else []
    is_unique = len(results) == len({result[1:3] for result in results})
    if shares_known and nat_known and results and is_unique:
        shares = distributions[0]
        return tuple([Endpoint(r[1] or 0, r[2] or 0, shares[r], r[3]) for r in results])
    return _common_endpoints(distributions, shares_known=shares_known, nat_known=nat_known)


def _common_endpoints(
    distributions: list[Distribution], *, shares_known: bool, nat_known: bool
) -> tuple[Endpoint, ...]:
    """Every endpoint; share and source NAT are None if they are not equal in all distributions."""
    shares: dict[tuple[int | None, int | None], list[float]] = {}
    nats: dict[tuple[int | None, int | None], set[bool]] = {}
    for i, distribution in enumerate(distributions):
        for (verdict, address, port, nat), share in distribution.items():
            if verdict == "dnat":
                shares.setdefault((address, port), [0.0] * len(distributions))[i] += share
                nats.setdefault((address, port), set()).add(nat)
    endpoints: list[Endpoint] = []
    for (address, port), by_distribution in shares.items():
        probability = by_distribution[0] if shares_known and len(set(by_distribution)) == 1 else None
        all_nats = nats[address, port]
        source_nat = next(iter(all_nats)) if nat_known and len(all_nats) == 1 else None
        endpoints.append(Endpoint(address or 0, port or 0, probability, source_nat))
    return tuple(endpoints)


def _rows(ends: Iterable[EndedBranch]) -> tuple[int, ...]:
    """The rows of all rules that any branch followed, in order; a part of a trail that branches share is read once."""
    rows: dict[int, None] = {}
    visited: set[int] = set()
    for end in ends:
        parts, trail = [], end.branch.trail
        while trail and id(trail) not in visited:
            visited.add(id(trail))
            parts.append(trail[0])
            trail = trail[1]
        for part in reversed(parts):
            rows.update(dict.fromkeys(part))
    return tuple(rows)
