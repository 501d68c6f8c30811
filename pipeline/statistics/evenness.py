"""How even counts are, how even chance would make them, and what their unevenness consists of.

Arrays are as in `significance`: the last two axes are groups and pods, and axes before these are samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.statistics.significance import ALPHA, simulate_null

if TYPE_CHECKING:
    from pipeline.statistics.significance import Numbers, TestResult

_SIMULATED_RUNS = 2000


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of one run, and the limit that 95 % of the runs simulated under the null hypothesis keep to."""

    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class Parts:
    """A deviance divided into what a cause, clients that stay together, and chance contribute."""

    cause: float
    clients: float
    chance: float


def jain(counts: Numbers, expected: Numbers) -> Numbers:
    """Jain's fairness index (Jain, Chiu, Hawe 1984) of counts relative to `expected`.

    1 if all pods have what is expected, 1/n if one of n pods has everything.
    """
    load = _relative_load(counts, expected)
    index: Numbers = load.sum(-1) ** 2 / (load.shape[-1] * (load**2).sum(-1))
    return index


def peak(counts: Numbers, expected: Numbers) -> Numbers:
    """The highest ratio of count to expected count in each sample; with equal shares, maximum over mean."""
    ratio: Numbers = _relative_load(counts, expected).max(-1)
    return ratio


def measure(observed: Numbers, shares: Numbers) -> tuple[Measure, Measure]:
    """Jain's index and the peak of one run, each with its limit from a null simulation."""
    import numpy as np

    totals = observed.sum(-1)
    expected = (totals[:, None] * shares).sum(0)
    distinct, group = np.unique(shares, axis=0, return_inverse=True)  # groups with equal shares are simulated as one
    merged_totals = np.bincount(group.ravel(), totals).astype(float)
    simulated = simulate_null(merged_totals, distinct, _SIMULATED_RUNS).sum(-2)
    index, highest = (
        Measure(float(of(observed.sum(0), expected)), float(np.quantile(of(simulated, expected), quantile)))
        for of, quantile in ((jain, ALPHA), (peak, 1 - ALPHA))
    )
    return index, highest


def binomial_interval(totals: Numbers, shares: Numbers) -> Numbers:
    """The 95 % interval of each pod's count: row 0 is the lower bound, row 1 the upper.

    A pod's count is a sum of binomials, one per group; the binomial of the same mean and variance approximates it.
    """
    import numpy as np

    totals = totals[:, None]
    mean, variance = (totals * shares).sum(0), (totals * shares * (1 - shares)).sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        probability = np.where(mean > 0, 1 - variance / mean, 0.0)
        trials = np.where(probability > 0, np.round(mean / probability), 0)
    return np.asarray([_binomial_quantile(q, trials, probability) for q in (0.025, 0.975)])


def _binomial_quantile(q: float, trials: Numbers, probability: Numbers) -> Numbers:
    """The least count that a binomial variable does not exceed with probability `q`."""
    import numpy as np
    from scipy.special import bdtrik, betainc

    count = np.ceil(np.nan_to_num(bdtrik(q, trials, probability)))
    lower = np.maximum(count - 1, 0)
    least = np.where(betainc(trials - lower, lower + 1, 1 - probability) >= q, lower, count)
    return np.where(probability < 1, least, trials)


def deviance(observed: Numbers, shares: Numbers) -> float:
    """Twice the log-likelihood ratio of the counts against `shares`; by chance it averages the degrees of freedom."""
    import numpy as np

    expected = observed.sum(-1, keepdims=True) * shares
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where((observed > 0) & (expected > 0), observed * np.log(observed / expected), 0.0)
    return max(0.0, float(2 * parts.sum()))


def decompose(connections: Numbers, units: Numbers, shares: Numbers, test: TestResult) -> Parts:
    """Decompose the deviance of `connections`; the parts add up exactly.

    `units` choose independently of each other (connections, or clients with all of theirs); `test` is their test.
    A cause has a part only if the test is significant. The clients' part is what units of several connections, and
    of unequal sizes, add to chance.
    """
    import numpy as np

    whole = deviance(connections, shares)
    if whole == 0 or not units.sum():
        return Parts(0.0, 0.0, whole)
    connections_per_unit = connections.sum(-1, keepdims=True) / np.maximum(units.sum(-1, keepdims=True), 1)
    of_units = deviance(units, shares)
    of_equal_units = min(whole, deviance(units * connections_per_unit, shares))
    mean_size = max(1.0, float(connections.sum() / units.sum()))
    if float(test.p_value) >= ALPHA or of_units == 0:
        return Parts(0.0, whole - of_equal_units / mean_size, of_equal_units / mean_size)
    chance_share = min(1.0, float(test.degrees_of_freedom) / of_units)
    cause, chance = of_equal_units * (1 - chance_share), of_equal_units * chance_share / mean_size
    return Parts(cause, whole - cause - chance, chance)


def fill_evenly(observed: Numbers, lost: Numbers, shares: Numbers) -> Numbers:
    """`observed` with each group's lost connections added where they make it as even as possible."""
    import numpy as np

    return np.array([_fill_group(o, m, p) for o, m, p in zip(observed, lost, shares, strict=True)])


def _fill_group(observed: Numbers, lost: float, shares: Numbers) -> Numbers:
    """Raise the lowest counts, relative to their shares, to one level until `lost` is used up (water-filling)."""
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


def effective_number(total: float, squares: float) -> float:
    """Kish's effective sample size (1965): the number of equal clients whose shares would vary as much.

    `total` is the sum of the clients' counts, `squares` the sum of their squares.
    """
    return total**2 / squares if squares else 0.0


def _relative_load(counts: Numbers, expected: Numbers) -> Numbers:
    used = expected > 0
    return counts[..., used] / expected[used]
