"""Significance tests: whether chance alone explains the counts.

Counts are arrays whose last two axes are groups (the rules of one node each) and pods; axes before these are runs.
`shares` are the probabilities with which each group chooses each pod; a share of 0 takes the pod out of the group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import float64
    from numpy.typing import NDArray

    Numbers = NDArray[float64]

ALPHA = 0.05
MIN_EXPECTED = 5.0  # Cochran (1954): below it the chi-square distribution does not fit the statistic
SIMULATED_RUNS = 10_000
_MAX_SIMULATED_CELLS = 20_000_000
_PERMUTATIONS = 1999
_SEED = 20_261_123
_Z_95 = 1.959964  # the normal distribution's 97.5 % quantile


@dataclass(frozen=True, slots=True)
class Test:
    """The result of a test, for each run: Pearson's statistic, its degrees of freedom, and the p-value.

    `is_simulated` where the p-value is from simulated runs and not from the chi-square distribution.
    """

    statistic: Numbers
    degrees: Numbers
    p_value: Numbers
    is_simulated: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """The second share minus the first, its 95 % interval, and the p-value of "both shares are equal"."""

    value: float
    low: float
    high: float
    p_value: float


def chi_square_test(observed: Numbers, shares: Numbers) -> Test:
    """Pearson's chi-square test (1900) of counts against `shares` within each group.

    With few expected counts the p-value is by Monte Carlo: runs of the first run's size are simulated.
    """
    import numpy as np

    observed = np.asarray(observed, float)
    totals = observed.sum(-1, keepdims=True)
    expected = totals * shares
    statistic = _pearson(observed, expected)
    degrees = np.asarray((((shares > 0).sum(-1) - 1) * (totals[..., 0] > 0)).sum(-1), float)
    if not _needs_simulation(expected, degrees):
        return Test(statistic, degrees, _chi_square_p_value(statistic, degrees), is_simulated=False)
    first = totals.reshape(-1, totals.shape[-2])[0]
    simulated = np.sort(_pearson(simulate_null(first, shares), first[:, None] * shares))
    return Test(statistic, degrees, _simulated_p_value(simulated, statistic), is_simulated=True)


def simulate_null(totals: Numbers, shares: Numbers, runs: int = SIMULATED_RUNS) -> Numbers:
    """Counts of runs simulated under the null hypothesis: multinomial, with these totals of the groups.

    The seed is fixed, so every call gives the same runs.
    """
    import numpy as np

    runs = max(1000, min(runs, _MAX_SIMULATED_CELLS // max(1, shares.size)))
    generator = np.random.default_rng(_SEED)
    counts = np.empty((runs, *shares.shape))
    for group, (n, p) in enumerate(zip(totals, np.asarray(shares, float), strict=True)):
        counts[:, group] = generator.multinomial(round(float(n)), p / p.sum(), size=runs)
    return counts


def homogeneity_test(first: Numbers, second: Numbers) -> Test:
    """Pearson's chi-square test of homogeneity: whether two runs' counts over the same pods have one distribution.

    With few expected counts the p-value is by permutation: connections are exchanged between the two runs.
    """
    import numpy as np

    first, second = np.atleast_2d(np.asarray(first, float)), np.atleast_2d(np.asarray(second, float))
    pooled = first + second
    sizes = np.stack([first.sum(-1, keepdims=True), second.sum(-1, keepdims=True)])
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.nan_to_num(pooled * sizes / sizes.sum(0))
    statistic = _pearson(first, expected[0], -1) + _pearson(second, expected[1], -1)
    degrees = np.asarray((pooled > 0).sum(-1) - 1, float)
    if not _needs_simulation(expected, np.maximum(degrees, 0)):
        return Test(statistic, degrees, _chi_square_p_value(statistic, degrees), is_simulated=False)
    p_values = [_permutation_p_value(*run) for run in zip(first, second, statistic, strict=True)]
    return Test(statistic, degrees, np.array(p_values), is_simulated=True)


def difference(part_a: float, whole_a: float, part_b: float, whole_b: float) -> Difference:
    """Two independent shares: Newcombe's hybrid score interval (1998) of their difference, and a homogeneity test."""
    import numpy as np

    a, low_a, high_a = _wilson_interval(part_a, whole_a)
    b, low_b, high_b = _wilson_interval(part_b, whole_b)
    low = b - a - np.hypot(b - low_b, high_a - a)
    high = b - a + np.hypot(high_b - b, a - low_a)
    test = homogeneity_test(np.array([part_a, whole_a - part_a]), np.array([part_b, whole_b - part_b]))
    return Difference(b - a, float(low), float(high), float(test.p_value[0]))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for the number of tests by Holm's step-down method (1979), in the order given."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted


def sidak(first: float, second: float) -> float:
    """The p-value of the lower of two independent p-values, by Šidák's correction (1967): 1 - (1 - p)²."""
    import math

    return -math.expm1(2 * math.log1p(-min(first, second, 1 - 1e-16)))


def _needs_simulation(expected: Numbers, degrees: Numbers) -> bool:
    """Whether any expected count is too small for the chi-square distribution."""
    import numpy as np

    return bool(degrees.any()) and float(np.min(expected, where=expected > 0, initial=np.inf)) < MIN_EXPECTED


def _chi_square_p_value(statistic: Numbers, degrees: Numbers) -> Numbers:
    """The upper tail of the chi-square distribution; 1 where nothing could vary."""
    import numpy as np
    from scipy.special import chdtrc

    return np.where(degrees > 0, chdtrc(np.maximum(degrees, 1), statistic), 1.0)


def _simulated_p_value(simulated: Numbers, statistic: Numbers) -> Numbers:
    """The Monte Carlo p-value (1 + runs at least as extreme) / (1 + runs), of sorted statistics."""
    import numpy as np

    at_least = len(simulated) - np.searchsorted(simulated, statistic * (1 - 1e-9))  # equal but for rounding counts
    return np.asarray((1 + at_least) / (1 + len(simulated)))


def _permutation_p_value(first: Numbers, second: Numbers, statistic: float) -> float:
    """The share of random exchanges between two runs (multivariate hypergeometric) that differ as much."""
    import numpy as np

    pooled, size = (first + second).round().astype(int), round(float(first.sum()))
    if not 0 < size < pooled.sum():
        return 1.0
    generator = np.random.default_rng(_SEED)
    exchanged = generator.multivariate_hypergeometric(pooled, size, size=_PERMUTATIONS, method="marginals")
    share = size / pooled.sum()
    simulated = _pearson(exchanged.astype(float), pooled * share, -1)
    simulated += _pearson(pooled - exchanged.astype(float), pooled * (1 - share), -1)
    return float(_simulated_p_value(np.sort(simulated), np.array(statistic)))


def _wilson_interval(part: float, whole: float) -> tuple[float, float, float]:
    """A share with its 95 % interval: Wilson's score interval (1927)."""
    share, z2 = part / whole, _Z_95**2
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = (z2 * (share * (1 - share) + z2 / (4 * whole)) / whole) ** 0.5 / (1 + z2 / whole)
    return share, middle - half, middle + half


def _pearson(observed: Numbers, expected: Numbers, axes: int | tuple[int, int] = (-2, -1)) -> Numbers:
    """Pearson's statistic: the sum of (observed - expected)² / expected over the axes."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(expected > 0, (observed - expected) ** 2 / expected, 0.0)
    return np.asarray(parts.sum(axis=axes))
