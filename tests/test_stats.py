"""Statistics: runs under the null hypothesis alarm as often as promised, and planted causes are found."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special  # noqa: F401 (its first import takes longer than hypothesis allows an example)
from hypothesis import given
from hypothesis import strategies as st

from pipeline.statistics import evenness, significance

RUNS = 10_000
EVEN_7 = np.full((1, 7), 1 / 7)
# Three nodes: cluster-wide rules over six pods, and the traffic policy Local with 2 + 1 pods.
CLUSTER = np.full((3, 6), 1 / 6)
LOCAL = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
UNEQUAL = np.array([[0.05, 0.1, 0.25, 0.6]])


def fair(totals: list[int], shares: np.ndarray, runs: int = RUNS, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    rows = [generator.multinomial(n, p, size=runs) for n, p in zip(totals, shares, strict=True)]
    return np.stack(rows, axis=1).astype(float)


def alarms(p_values: np.ndarray) -> float:
    return float((p_values < significance.ALPHA).mean())


@pytest.mark.parametrize(
    ("totals", "shares"),
    [
        ([700], EVEN_7),
        ([100_000], EVEN_7),
        ([400], UNEQUAL),
        ([600, 300, 150], CLUSTER),
        ([500, 250], LOCAL),
        ([80], np.array([[0.25, 0.25, 0.5]])),
    ],
    ids=["7 pods", "7 pods, many", "unequal", "3 nodes", "local policy", "25/25/50"],
)
def test_fair_runs_alarm_at_the_promised_rate_where_enough_is_expected(totals: list[int], shares: np.ndarray) -> None:
    test = significance.chi_square_test(fair(totals, shares), shares)
    assert not test.is_simulated
    assert 0.04 <= alarms(test.p_value) <= 0.06


@pytest.mark.parametrize(
    ("totals", "shares"),
    [
        ([10], EVEN_7),
        ([3], EVEN_7),
        ([1], EVEN_7),
        ([40], EVEN_7),
        ([12], UNEQUAL),
        ([30, 4, 1], CLUSTER),
        ([5, 9], LOCAL),
        ([8], np.array([[0.25, 0.25, 0.5]])),
        ([50], np.full((1, 500), 1 / 500)),
    ],
)
def test_fair_runs_alarm_no_more_often_where_little_is_expected(totals: list[int], shares: np.ndarray) -> None:
    assert alarms(significance.chi_square_test(fair(totals, shares), shares).p_value) <= 0.06


@pytest.mark.parametrize(("n_a", "n_b", "k"), [(600, 900, 6), (200, 150, 3), (10_000, 400, 4)])
def test_two_runs_of_one_process_alarm_at_the_promised_rate(n_a: int, n_b: int, k: int) -> None:
    shares = np.arange(2, k + 2) / np.arange(2, k + 2).sum()
    first, second = fair([n_a], shares[None], seed=1)[:, 0], fair([n_b], shares[None], seed=2)[:, 0]
    test = significance.homogeneity_test(first, second)
    assert not test.is_simulated
    assert 0.04 <= alarms(test.p_value) <= 0.06


def test_two_small_runs_of_one_process_alarm_no_more_often() -> None:
    shares = np.full((1, 5), 0.2)
    test = significance.homogeneity_test(fair([12], shares, 1000, 1)[:, 0], fair([9], shares, 1000, 2)[:, 0])
    assert test.is_simulated
    assert alarms(test.p_value) <= 0.06


def test_an_interval_of_a_difference_holds_the_truth_as_often_as_promised() -> None:
    generator = np.random.default_rng(3)
    first, second = generator.binomial(200, 0.1, 1000), generator.binomial(300, 0.16, 1000)
    found = [significance.difference(a, 200, b, 300) for a, b in zip(first, second, strict=True)]
    assert 0.93 <= np.mean([d.low <= 0.06 <= d.high for d in found]) <= 0.97
    assert all(d.low <= d.value <= d.high for d in found)


def test_the_published_counts_are_uneven_beyond_doubt() -> None:
    counts = np.array([[60.0, 10, 7, 3, 6, 4, 10]])
    test = significance.chi_square_test(counts, EVEN_7)
    assert float(test.statistic) == pytest.approx(173.7, abs=0.05)
    assert float(test.p_value) == pytest.approx(7.4e-35, rel=0.01)
    assert not test.is_simulated


def test_local_policy_is_fair_at_25_25_50() -> None:
    assert float(significance.chi_square_test(np.array([[250.0, 250, 0], [0, 0, 500]]), LOCAL).p_value) == 1.0
    assert (
        float(significance.chi_square_test(np.array([[333.0, 333, 334]]), np.array([[0.25, 0.25, 0.5]])).p_value)
        < 1e-20
    )


def test_chance_alone_gives_the_busiest_of_ten_pods_much_more_than_the_mean() -> None:
    index, most = evenness.measure(np.full((1, 10), 10.0), np.full((1, 10), 0.1))
    interval = evenness.binomial_interval(np.array([100.0]), np.full((1, 10), 0.1))
    assert (index.value, most.value) == (1.0, 1.0)
    assert most.limit == pytest.approx(1.8, abs=0.11)
    assert index.limit == pytest.approx(0.855, abs=0.01)
    assert interval.tolist() == [[5.0] * 10, [16.0] * 10]


@pytest.mark.parametrize(("totals", "shares"), [([600, 300, 150], CLUSTER), ([500, 250], LOCAL), ([90], UNEQUAL)])
def test_a_pods_interval_holds_it_in_95_of_a_hundred_fair_runs(totals: list[int], shares: np.ndarray) -> None:
    runs = fair(totals, shares)
    low, high = evenness.binomial_interval(np.array(totals, float), shares)
    counts = runs.sum(1)
    held = ((counts >= low) & (counts <= high)).mean(0)
    assert (held >= 0.94).all()
    assert (held[low < high] <= 0.98).all()


def test_the_same_counts_are_judged_the_same_every_time() -> None:
    counts = np.array([[4.0, 0, 1, 0, 0, 0, 2]])
    first, second = significance.chi_square_test(counts, EVEN_7), significance.chi_square_test(counts, EVEN_7)
    assert first.is_simulated
    assert first == second


def attributed(connections: np.ndarray, units: np.ndarray, shares: np.ndarray) -> evenness.Parts:
    return evenness.decompose(connections, units, shares, significance.chi_square_test(units, shares))


def total(part: evenness.Parts) -> float:
    return part.cause + part.clients + part.chance


def excess(part: evenness.Parts) -> float:
    return part.cause + part.clients


@pytest.mark.parametrize("seed", range(20))
def test_nodes_that_do_not_follow_their_rules_are_the_cause(seed: int) -> None:
    observed = fair([3000], np.array([[0.3, 0.14, 0.14, 0.14, 0.14, 0.14]]), 1, seed)[0]
    part = attributed(observed, observed, np.full((1, 6), 1 / 6))
    assert part.cause >= 0.9 * (total(part) - 5)
    assert part.clients == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_clients_of_unequal_weight_are_the_cause(seed: int) -> None:
    """200 clients choose fairly and stay; one of them makes half of the connections."""
    generator = np.random.default_rng(seed)
    weights = np.full(200, 10.0)
    weights[0] = 2000
    choices = generator.integers(0, 6, 200)
    units = np.bincount(choices, minlength=6).astype(float)[None]
    observed = np.bincount(choices, weights, minlength=6)[None]
    part = attributed(observed, units, np.full((1, 6), 1 / 6))
    if float(significance.chi_square_test(units, np.full((1, 6), 1 / 6)).p_value) >= significance.ALPHA:
        assert part.clients >= 0.9 * excess(part)
    assert part.clients >= 0.8 * excess(part)


@pytest.mark.parametrize("seed", range(20))
def test_rules_not_followed_are_the_cause_under_affinity_too(seed: int) -> None:
    units = fair([4000], np.array([[0.3, 0.14, 0.14, 0.14, 0.14, 0.14]]), 1, seed)[0]
    part = attributed(units * 10, units, np.full((1, 6), 1 / 6))
    assert part.cause >= 0.9 * excess(part)


def test_fair_runs_have_no_cause_and_chance_is_the_degrees_of_freedom() -> None:
    runs = fair([600], EVEN_7, 1000)
    parts = [attributed(run, run, EVEN_7) for run in runs]
    assert np.mean([p.cause > 0 for p in parts]) <= 0.07
    assert np.mean([total(p) for p in parts]) == pytest.approx(6, abs=0.4)


counts = st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=1, max_size=4)


@given(counts, st.integers(1, 30))
def test_the_parts_add_up(rows: list[list[int]], size: int) -> None:
    units = np.array(rows, float)
    connections = units * size
    connections[0, 0] += 7 * (units[0, 0] > 0)
    shares = np.full(units.shape, 0.25)
    part = attributed(connections, units, shares)
    assert total(part) == pytest.approx(evenness.deviance(connections, shares))
    assert min(part.cause, part.clients, part.chance) >= -1e-9


@given(st.lists(st.integers(0, 40), min_size=3, max_size=6), st.integers(0, 60))
def test_lost_connections_are_put_where_they_even_out(row: list[int], lost: int) -> None:
    observed, shares = np.array([row], float), np.full((1, len(row)), 1 / len(row))
    filled = evenness.fill_evenly(observed, np.array([float(lost)]), shares)
    assert filled.sum() == pytest.approx(sum(row) + lost)
    assert (filled >= observed - 1e-9).all()
    for place in range(len(row)):
        other = observed.copy()
        other[0, place] += lost
        assert evenness.deviance(filled, shares) <= evenness.deviance(other, shares) + 1e-6


def test_holm_multiplies_and_never_lowers() -> None:
    assert significance.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert significance.holm([0.5, 1e-30]) == pytest.approx([0.5, 2e-30])
    assert significance.holm([]) == []


def test_services_of_one_fair_run_alarm_in_five_runs_of_a_hundred() -> None:
    p_values = significance.chi_square_test(fair([600], EVEN_7), EVEN_7).p_value.reshape(500, 20)
    assert np.mean([min(significance.holm(row.tolist())) < significance.ALPHA for row in p_values]) <= 0.08


def test_two_levels_asked_at_once_alarm_at_the_promised_rate() -> None:
    p_values = significance.chi_square_test(fair([600], EVEN_7), EVEN_7).p_value.reshape(-1, 2)
    both = np.array([significance.sidak(a, b) for a, b in p_values.tolist()])
    assert 0.04 <= alarms(both) <= 0.06
    assert significance.sidak(7e-35, 0.5) == pytest.approx(1.4e-34)


def test_unequal_clients_count_for_fewer() -> None:
    assert evenness.effective_number(100, 10 * 100) == 10
    assert evenness.effective_number(1000 + 99, 1000**2 + 99) == pytest.approx(1.2, abs=0.01)
    assert evenness.effective_number(0, 0) == 0
