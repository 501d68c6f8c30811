"""Is it chance? Tests and measures over counts: neither SQL nor files.

Counts are arrays whose last two axes are groups (one node's rules each) and places (pods); axes before these are runs.
`shares` say what each group should give each place; a share of 0 takes the place out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import float64
    from numpy.typing import NDArray

    Numbers = NDArray[float64]

ALARM = 0.05
FEW_EXPECTED = 5.0
DRAWS = 10_000
_DRAWS_OF_LIMITS = 2000
_MOST_CELLS_DRAWN = 20_000_000
_SEED = 20_261_123


@dataclass(frozen=True, slots=True)
class Test:
    """Of each run: Pearson's statistic, its degrees of freedom, how often chance gives as much; drawn or computed."""

    statistic: Numbers
    freedom: Numbers
    p_value: Numbers
    is_drawn: bool


@dataclass(frozen=True, slots=True)
class Spread:
    """A measure of one run, and how far from even it is at most in 95 % of fair runs of that size."""

    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class Part:
    """A level's deviance, divided into what its cause, clients that stay together, and chance gave."""

    cause: float
    clients: float
    chance: float

    @property
    def total(self) -> float:
        """The level's deviance."""
        return self.cause + self.clients + self.chance


@dataclass(frozen=True, slots=True)
class Difference:
    """The second share less the first, its 95 % interval, and how often chance makes two equal runs differ as much."""

    value: float
    low: float
    high: float
    p_value: float


def fair_test(observed: Numbers, shares: Numbers) -> Test:
    """Whether counts follow `shares` within each group; where few are expected, runs of the first's size are drawn."""
    import numpy as np
    from scipy.special import chdtrc

    observed = np.asarray(observed, float)
    totals = observed.sum(-1, keepdims=True)
    expected = totals * shares
    statistic = _pearson(observed, expected)
    freedom = ((shares > 0).sum(-1) - 1) * (totals[..., 0] > 0)
    df = np.asarray(freedom.sum(-1), float)
    if np.min(expected, where=expected > 0, initial=np.inf) >= FEW_EXPECTED or not df.any():
        return Test(statistic, df, np.where(df > 0, chdtrc(np.maximum(df, 1), statistic), 1.0), is_drawn=False)
    one = totals.reshape(-1, totals.shape[-2])[0]
    drawn = np.sort(_pearson(fair_runs(one, shares), one[:, None] * shares))
    return Test(statistic, df, _p_among(drawn, statistic), is_drawn=True)


def fair_runs(totals: Numbers, shares: Numbers, draws: int = DRAWS) -> Numbers:
    """Counts of many fair runs with these totals of the groups; the same ones at every call."""
    import numpy as np

    draws = max(1000, min(draws, _MOST_CELLS_DRAWN // max(1, shares.size)))
    generator = np.random.default_rng(_SEED)
    runs = np.empty((draws, *shares.shape))
    for group, (n, p) in enumerate(zip(totals, np.asarray(shares, float), strict=True)):
        runs[:, group] = generator.multinomial(round(float(n)), p / p.sum(), size=draws)
    return runs


def most_even(observed: Numbers, lost: Numbers, shares: Numbers) -> Numbers:
    """`observed` with each group's lost counts put where they make it as even as can be."""
    import numpy as np

    return np.array([_filled(o, m, p) for o, m, p in zip(observed, lost, shares, strict=True)])


def _filled(observed: Numbers, lost: float, shares: Numbers) -> Numbers:
    """Raise the lowest, in proportion to their shares, to one level, until `lost` is used up."""
    import numpy as np

    if not lost:
        return observed
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(shares > 0, observed / shares, np.inf)
    order = np.argsort(ratios, kind="stable")
    with np.errstate(divide="ignore"):
        levels = (lost + np.cumsum(observed[order])) / np.cumsum(shares[order])
    fits = levels <= np.append(ratios[order][1:], np.inf)
    return np.asarray(np.maximum(observed, levels[int(np.argmax(fits))] * shares))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values as Holm adjusts them for having asked so many questions."""
    adjusted, worst = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        worst = max(worst, min(1.0, p_values[index] * (len(p_values) - place)))
        adjusted[index] = worst
    return adjusted


def either(first: float, second: float) -> float:
    """The p-value of the lower of two independent ones (Šidák)."""
    import math

    return -math.expm1(2 * math.log1p(-min(first, second, 1 - 1e-16)))


def jain(counts: Numbers, expected: Numbers) -> Numbers:
    """Jain's index of counts against what is expected of each place: 1 for even, 1/n where one of n has all."""
    load = _load(counts, expected)
    index: Numbers = load.sum(-1) ** 2 / (load.shape[-1] * (load**2).sum(-1))
    return index


def peak(counts: Numbers, expected: Numbers) -> Numbers:
    """How many times its expected count each run's most loaded place has; for equal shares, maximum over mean."""
    most: Numbers = _load(counts, expected).max(-1)
    return most


def spreads(observed: Numbers, shares: Numbers) -> tuple[Spread, Spread]:
    """Jain's index and the peak of one run, each with its limit."""
    import numpy as np

    totals = observed.sum(-1)
    expected = (totals[:, None] * shares).sum(0)
    alike, group = np.unique(shares, axis=0, return_inverse=True)  # groups of one kind draw as one
    runs = fair_runs(np.bincount(group.ravel(), totals).astype(float), alike, _DRAWS_OF_LIMITS).sum(-2)
    evenness, most = (
        Spread(float(measure(observed.sum(0), expected)), float(np.quantile(measure(runs, expected), limit)))
        for measure, limit in ((jain, ALARM), (peak, 1 - ALARM))
    )
    return evenness, most


def bands(totals: Numbers, shares: Numbers) -> Numbers:
    """By place, the counts between which 95 % of fair runs have it, from the binomial of the same mean and variance."""
    import numpy as np

    totals = totals[:, None]
    mean, variance = (totals * shares).sum(0), (totals * shares * (1 - shares)).sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.where(mean > 0, 1 - variance / mean, 0.0)
        tries = np.where(chance > 0, np.round(mean / chance), 0)
    return np.asarray([_quantile(q, tries, chance) for q in (0.025, 0.975)])


def _quantile(q: float, tries: Numbers, chance: Numbers) -> Numbers:
    """The least count that a binomial variable stays at or below with probability `q`."""
    import numpy as np
    from scipy.special import bdtrik, betainc

    count = np.ceil(np.nan_to_num(bdtrik(q, tries, chance)))
    before = np.maximum(count - 1, 0)
    least = np.where(betainc(tries - before, before + 1, 1 - chance) >= q, before, count)
    return np.where(chance < 1, least, tries)


def deviance(observed: Numbers, shares: Numbers) -> float:
    """Twice the log-likelihood ratio of the counts against `shares`; fair runs have the degrees of freedom of it."""
    import numpy as np

    expected = observed.sum(-1, keepdims=True) * shares
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where((observed > 0) & (expected > 0), observed * np.log(observed / expected), 0.0)
    return max(0.0, float(2 * parts.sum()))


def attribute(connections: Numbers, units: Numbers, shares: Numbers, test: Test) -> Part:
    """Divide the deviance of `connections`, in `units` that choose alone and were put to `test`; parts add up exactly.

    A cause is named only where its units are uneven beyond chance. What units of several connections add to chance,
    and what their unequal sizes do, is the clients' part.
    """
    import numpy as np

    whole = deviance(connections, shares)
    if whole == 0 or not units.sum():
        return Part(0.0, 0.0, whole)
    scale = connections.sum(-1, keepdims=True) / np.maximum(units.sum(-1, keepdims=True), 1)
    of_units = deviance(units, shares)
    spread = min(whole, deviance(units * scale, shares))
    size = max(1.0, float(connections.sum() / units.sum()))
    if float(test.p_value) >= ALARM or of_units == 0:
        return Part(0.0, whole - spread / size, spread / size)
    by_chance = min(1.0, float(test.freedom) / of_units)
    cause, chance = spread * (1 - by_chance), spread * by_chance / size
    return Part(cause, whole - cause - chance, chance)


def effective_number(total: float, squares: float) -> float:
    """How many equal clients would make shares as unsteady as these, from the sums of counts and of their squares."""
    return total**2 / squares if squares else 0.0


def same_test(first: Numbers, second: Numbers) -> Test:
    """Whether two runs' counts over the same places come from one distribution."""
    import numpy as np
    from scipy.special import chdtrc

    first, second = np.atleast_2d(np.asarray(first, float)), np.atleast_2d(np.asarray(second, float))
    pooled = first + second
    sizes = first.sum(-1, keepdims=True), second.sum(-1, keepdims=True)
    wholes = sum(sizes)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = [np.nan_to_num(pooled * size / wholes) for size in sizes]
    statistic = _pearson(first, expected[0], -1) + _pearson(second, expected[1], -1)
    df = np.asarray((pooled > 0).sum(-1) - 1, float)
    least = min(float(np.min(e, where=e > 0, initial=np.inf)) for e in expected)
    if least >= FEW_EXPECTED or not (df > 0).any():
        return Test(statistic, df, np.where(df > 0, chdtrc(np.maximum(df, 1), statistic), 1.0), is_drawn=False)
    p_values = [_shuffled(f, s, x) for f, s, x in zip(first, second, statistic, strict=True)]
    return Test(statistic, df, np.array(p_values), is_drawn=True)


def _shuffled(first: Numbers, second: Numbers, statistic: float) -> float:
    """How often the two runs' connections, shuffled between them, differ as much."""
    import numpy as np

    pooled, size = (first + second).round().astype(int), round(float(first.sum()))
    if not 0 < size < pooled.sum():
        return 1.0
    generator = np.random.default_rng(_SEED)
    drawn = generator.multivariate_hypergeometric(pooled, size, size=1999, method="marginals").astype(float)
    share = size / pooled.sum()
    found = _pearson(drawn, pooled * share, -1) + _pearson(pooled - drawn, pooled * (1 - share), -1)
    return float(_p_among(np.sort(found), np.array(statistic)))


def difference(part_a: float, whole_a: float, part_b: float, whole_b: float) -> Difference:
    """Two shares compared: Newcombe's interval, and a p-value that holds for small counts too."""
    import numpy as np

    a, low_a, high_a = _wilson(part_a, whole_a)
    b, low_b, high_b = _wilson(part_b, whole_b)
    low = b - a - np.hypot(b - low_b, high_a - a)
    high = b - a + np.hypot(high_b - b, a - low_a)
    test = same_test(np.array([part_a, whole_a - part_a]), np.array([part_b, whole_b - part_b]))
    return Difference(b - a, float(low), float(high), float(test.p_value[0]))


def _wilson(part: float, whole: float) -> tuple[float, float, float]:
    """A share and its 95 % interval (Wilson's)."""
    share, z2 = part / whole, 1.959964**2
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = (z2 * (share * (1 - share) + z2 / (4 * whole)) / whole) ** 0.5 / (1 + z2 / whole)
    return share, middle - half, middle + half


def _pearson(observed: Numbers, expected: Numbers, axes: int | tuple[int, int] = (-2, -1)) -> Numbers:
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(expected > 0, (observed - expected) ** 2 / expected, 0.0)
    return np.asarray(parts.sum(axis=axes))


def _p_among(drawn: Numbers, statistic: Numbers) -> Numbers:
    """The share of runs, this one among them, that are as uneven; a hair of slack for rounding."""
    import numpy as np

    at_least = len(drawn) - np.searchsorted(drawn, statistic * (1 - 1e-9))
    return np.asarray((1 + at_least) / (1 + len(drawn)))


def _load(counts: Numbers, expected: Numbers) -> Numbers:
    used = expected > 0
    return counts[..., used] / expected[used]
