"""Significance tests: whether chance alone explains the counts.

Counts are arrays whose last two axes are groups and pods; axes before these are samples, each tested by itself.
A group holds the connections of one node whose rules give the same shares. `shares` are the probabilities with which
each group chooses each pod; with a share of 0 the pod is not in the group.
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
_MIN_SIMULATED_RUNS = 1000
_MAX_SIMULATED_CELLS = 20_000_000
_PERMUTATIONS = 1999
_SEED = 20_261_123
_ROUNDING = 1e-9
_Z_95 = 1.959964  # the normal distribution's 97.5 % quantile


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of a test, for each sample: Pearson's statistic, its degrees of freedom, and the p-value.

    `is_simulated`: the p-value comes from simulation or permutation.
    """

    statistic: Numbers
    degrees_of_freedom: Numbers
    p_value: Numbers
    is_simulated: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """The second share minus the first (b - a), its 95 % interval, and the p-value of "both shares are equal"."""

    value: float
    low: float
    high: float
    p_value: float


def chi_square_test(observed: Numbers, shares: Numbers) -> TestResult:
    """Pearson's chi-square test (1900) of counts against `shares` within each group.

    With few expected counts the p-value comes from simulated runs, each with as many connections as the first sample.
    """
    import numpy as np

    observed = np.asarray(observed, float)
    totals = observed.sum(-1, keepdims=True)
    expected = totals * shares
    statistic = _pearson(observed, expected)
    degrees_of_freedom = np.asarray((((shares > 0).sum(-1) - 1) * (totals[..., 0] > 0)).sum(-1), float)
    if not _needs_simulation(expected, degrees_of_freedom):
        p_value = _chi_square_p_value(statistic, degrees_of_freedom)
        return TestResult(statistic, degrees_of_freedom, p_value, is_simulated=False)
    group_totals = totals.reshape(-1, totals.shape[-2])[0]
    simulated = np.sort(_pearson(simulate_null(group_totals, shares), group_totals[:, None] * shares))
    return TestResult(statistic, degrees_of_freedom, _simulated_p_value(simulated, statistic), is_simulated=True)


def simulate_null(totals: Numbers, shares: Numbers, run_count: int = SIMULATED_RUNS) -> Numbers:
    """Counts of runs simulated under the null hypothesis: multinomial, with these totals of the groups.

    The first axis of the result is the simulated run. There are at least 1,000 of them, whatever `run_count` is; many
    groups and pods lower a larger `run_count`, to bound the memory. The seed is fixed: equal arguments, equal counts.
    """
    import numpy as np

    run_count = max(_MIN_SIMULATED_RUNS, min(run_count, _MAX_SIMULATED_CELLS // max(1, shares.size)))
    generator = np.random.default_rng(_SEED)
    counts = np.empty((run_count, *shares.shape))
    for group, (n, p) in enumerate(zip(totals, np.asarray(shares, float), strict=True)):
        counts[:, group] = generator.multinomial(round(float(n)), p / p.sum(), size=run_count)
    return counts


def homogeneity_test(counts_a: Numbers, counts_b: Numbers) -> TestResult:
    """Pearson's chi-square test of homogeneity: whether two runs distribute connections equally over the same pods.

    Each row is a sample. With few expected counts the p-value comes from permutation: the connections are redistributed
    between the two runs.
    """
    import numpy as np

    counts_a, counts_b = np.atleast_2d(np.asarray(counts_a, float)), np.atleast_2d(np.asarray(counts_b, float))
    pooled = counts_a + counts_b
    sizes = np.stack([counts_a.sum(-1, keepdims=True), counts_b.sum(-1, keepdims=True)])
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.nan_to_num(pooled * sizes / sizes.sum(0))
    statistic = _pearson(counts_a, expected[0], -1) + _pearson(counts_b, expected[1], -1)
    degrees_of_freedom = np.asarray((pooled > 0).sum(-1) - 1, float)
    if not _needs_simulation(expected, np.maximum(degrees_of_freedom, 0)):
        p_value = _chi_square_p_value(statistic, degrees_of_freedom)
        return TestResult(statistic, degrees_of_freedom, p_value, is_simulated=False)
    p_values = [_permutation_p_value(*row) for row in zip(counts_a, counts_b, statistic, strict=True)]
    return TestResult(statistic, degrees_of_freedom, np.array(p_values), is_simulated=True)


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


def sidak(p_a: float, p_b: float) -> float:
    """The p-value of seeing the smaller of two independent p-values, by Šidák's correction (1967): 1 - (1 - p)²."""
    import math

    return -math.expm1(2 * math.log1p(-min(p_a, p_b, 1 - 1e-16)))


def _needs_simulation(expected: Numbers, degrees_of_freedom: Numbers) -> bool:
    """Whether any expected count is too small for the chi-square distribution."""
    import numpy as np

    return bool(degrees_of_freedom.any()) and float(np.min(expected, where=expected > 0, initial=np.inf)) < MIN_EXPECTED


def _chi_square_p_value(statistic: Numbers, degrees_of_freedom: Numbers) -> Numbers:
    """The upper tail of the chi-square distribution; 1 where nothing could vary."""
    import numpy as np
    from scipy.special import chdtrc

    return np.where(degrees_of_freedom > 0, chdtrc(np.maximum(degrees_of_freedom, 1), statistic), 1.0)


def _simulated_p_value(simulated: Numbers, statistic: Numbers) -> Numbers:
    """The Monte Carlo p-value: (1 + simulated statistics at least as extreme) / (1 + simulated statistics).

    `simulated` must be in ascending order.
    """
    import numpy as np

    # A statistic that differs only by rounding counts as at least as extreme.
    extreme_count = len(simulated) - np.searchsorted(simulated, statistic * (1 - _ROUNDING))
    return np.asarray((1 + extreme_count) / (1 + len(simulated)))


def _permutation_p_value(counts_a: Numbers, counts_b: Numbers, statistic: float) -> float:
    """The share of random redistributions of the connections between the two runs with a statistic at least as large.

    A redistribution keeps the size of each run and the total of each pod (multivariate hypergeometric distribution).
    """
    import numpy as np

    pooled, size = (counts_a + counts_b).round().astype(int), round(float(counts_a.sum()))
    if not 0 < size < pooled.sum():
        return 1.0
    generator = np.random.default_rng(_SEED)
    redistributed = generator.multivariate_hypergeometric(pooled, size, size=_PERMUTATIONS, method="marginals")
    share = size / pooled.sum()
    simulated = _pearson(redistributed.astype(float), pooled * share, -1)
    simulated += _pearson(pooled - redistributed.astype(float), pooled * (1 - share), -1)
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
