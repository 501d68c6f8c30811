"""The verdict on each service: even, uneven or unknown; with expected shares and the parts of its skew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.statistics.evenness import Parts, binomial_interval, decompose, fill_evenly, measure
from pipeline.statistics.service_counts import all_services, count
from pipeline.statistics.significance import ALPHA, chi_square_test, holm, sidak

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.schema import Row
    from pipeline.statistics.service_counts import Service, Table
    from pipeline.statistics.significance import TestResult
    from pipeline.store.duckdb_engine import Connection

_ROAMING_FACTOR = 1.1  # clients keep to their node if nodes count at most so many times the clients there are
_FEW_LOST = 0.05
_MIN_RELATIVE_EXCESS = 0.1  # a pod less above its share than this is not named
_NO_PARTS = Parts(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Tests:
    """The tests of one service, and the parts of its deviance.

    `rules_as_seen` tests the counts; `rules` tests the most even counts that the lost connections allow.
    """

    rules: TestResult | None
    rules_as_seen: TestResult | None
    nodes: TestResult | None
    rule_parts: Parts
    node_parts: Parts
    degrees_of_freedom: float

    @property
    def p_value(self) -> float | None:
        """Of nodes and rules together, by Šidák's correction; None if neither could be tested."""
        p_values = [float(t.p_value) for t in (self.rules, self.nodes) if t is not None]
        return None if not p_values else p_values[0] if len(p_values) == 1 else sidak(*p_values)


def judge(con: Connection) -> dict[str, list[Row]]:
    """Judge every service of the run that `con` shows: rows by table."""
    services = all_services(con)
    tests = [_test(s) for s in services]
    tested = [i for i, t in enumerate(tests) if t.p_value is not None]
    adjusted = dict(zip(tested, holm([tests[i].p_value or 0.0 for i in tested]), strict=True))
    tables = [s.table(merge_for_all=True) for s in services]
    return {
        "verdicts": [_verdict(s, tables[i], tests[i], adjusted.get(i)) for i, s in enumerate(services)],
        "expected_shares": [row for s, t in zip(services, tables, strict=True) for row in _expected_shares(s.name, t)],
        "skew_parts": [row for i, s in enumerate(services) for row in _skew_parts(s.name, tests[i], adjusted.get(i))],
    }


def _test(service: Service) -> _Tests:
    table = service.table(merge_for_all=False)
    shares, choices = table["rule_share"], table["choice_count"]
    rule_parts, rules, as_seen = _NO_PARTS, None, None
    if bool(((shares > 0).sum(-1) > 1)[choices.sum(-1) > 0].any()):  # any group had pods to choose from
        filled = fill_evenly(choices, service.lost_counts(table.groups), shares)
        as_seen = chi_square_test(choices, shares)
        rules = chi_square_test(filled, shares) if service.lost_by_group else as_seen
        rule_parts = decompose(table["connection_count"], choices, shares, as_seen)
    nodes, node_parts = _test_nodes(service.arrivals)
    degrees_of_freedom = sum(float(t.degrees_of_freedom) for t in (as_seen, nodes) if t is not None)
    return _Tests(rules, as_seen, nodes, rule_parts, node_parts, degrees_of_freedom)


def _test_nodes(arrivals: list[Row]) -> tuple[TestResult | None, Parts]:
    """Test the nodes against an even hash: of connections, or of clients where each keeps to its node."""
    import numpy as np

    if len(arrivals) < 2:
        return None, _NO_PARTS
    connections = np.array([[float(count(a, "connection_count")) for a in arrivals]])
    clients = np.array([[float(count(a, "client_count")) for a in arrivals]])
    client_count = count(arrivals[0], "all_client_count")
    clients_stay = clients.sum() <= _ROAMING_FACTOR * client_count and clients.sum() < connections.sum()
    units, even = clients if clients_stay else connections, np.full((1, len(arrivals)), 1 / len(arrivals))
    test = chi_square_test(units, even)
    return test, decompose(connections, units, even, test)


def _verdict(service: Service, table: Table, tests: _Tests, p_value: float | None) -> Row:
    doubt, is_uneven = _doubt(service, table, tests, p_value), p_value is not None and p_value < ALPHA
    cause = None if doubt else _cause(tests, is_uneven=is_uneven)
    clients = sum(count(c, "client_count") for c in service.clients)
    return {
        "service": service.name,
        "verdict": "unknown" if doubt else "uneven" if is_uneven else "even",
        "cause": cause,
        "doubt": doubt,
        "connection_count": sum(count(c, "connection_count") for c in service.cells),
        "judged_count": int(table["connection_count"].sum()),
        "lost_count": sum(service.lost_by_group.values()),
        "outside_count": service.outside_count,
        "choice_count": int(table["choice_count"].sum()),
        "client_count": clients or None,
        "effective_clients": service.effective_clients if clients else None,
        "pod_count": len({c["served_by"] for c in service.cells if c["rule_share"] is not None}),
        "node_count": len({node for node, _ in table.groups}),
        "arrival_node_count": len(service.arrivals),
        "p_value": None if doubt else p_value,
        "chance_share": None if doubt else tests.p_value,
        "rules_p_value": _p_value(tests.rules),
        "nodes_p_value": _p_value(tests.nodes),
        **_measures(table, tests.rules_as_seen),
        **_pod_above(table, cause),
        **_busiest_node(service.arrivals),
    }


def _doubt(service: Service, table: Table, tests: _Tests, p_value: float | None) -> str | None:
    """Why the verdict is unknown; None if it is not.

    Uneven needs no further proof: its test assumes the most even counts that the lost connections allow.
    """
    judged, lost = int(table["connection_count"].sum()), sum(service.lost_by_group.values())
    total = sum(count(c, "connection_count") for c in service.cells)
    as_seen, filled = (1.0 if t is None else float(t.p_value) for t in (tests.rules_as_seen, tests.rules))
    if service.outside_count:
        return "rules-drifted"
    if not table.groups or 2 * (judged + lost) < total:
        return "no-certain-rules"
    if p_value is None:
        return "no-choice" if judged else "lost-connections"
    if p_value >= ALPHA and (lost > _FEW_LOST * judged or as_seen < ALPHA <= filled):
        return "lost-connections"
    return None


def _cause(tests: _Tests, *, is_uneven: bool) -> str | None:
    """The cause with the largest part of an uneven spread; of an even one, clients if they outweigh chance."""
    causes = {"nodes": tests.node_parts.cause, "rules": tests.rule_parts.cause}
    if is_uneven:
        return max(causes, key=lambda name: causes[name]) if any(causes.values()) else None
    clients = tests.node_parts.clients + tests.rule_parts.clients
    return "clients" if clients > 3 * max(tests.degrees_of_freedom, 1.0) else None


def _measures(table: Table, test: TestResult | None) -> Row:
    if test is None:
        return {}
    jain, peak = measure(table["choice_count"], table["rule_share"])
    return {
        "chi_square": float(test.statistic),
        "freedom_count": int(test.degrees_of_freedom),
        "is_drawn": test.is_simulated,
        "jain_index": jain.value,
        "jain_limit_index": jain.limit,
        "peak_ratio": peak.value,
        "peak_limit_ratio": peak.limit,
    }


def _pod_above(table: Table, cause: str | None) -> Row:
    """The pod furthest above its expected share; where nodes are the cause, the pod furthest above because of them."""
    connections = table["connection_count"]
    if not connections.sum():
        return {}
    observed = connections.sum(0) / connections.sum()
    expected = table.expected_split
    excess = observed - expected
    if cause == "nodes":
        excess, expected = expected - table.even_split, table.even_split
    pod = int((excess / (expected + 1e-9) ** 0.5).argmax())
    if cause == "nodes" and excess[pod] < _MIN_RELATIVE_EXCESS * expected[pod]:
        return {}
    return {
        "pod": table.pods[pod],
        "pod_share": float(observed[pod]),
        "pod_expected_share": float(expected[pod]),
    }


def _busiest_node(arrivals: list[Row]) -> Row:
    if not arrivals:
        return {}
    busiest = max(arrivals, key=lambda a: (count(a, "connection_count"), str(a["node"])))
    total = sum(count(a, "connection_count") for a in arrivals)
    return {"node": busiest["node"], "node_share": count(busiest, "connection_count") / total}


def _expected_shares(service: str, table: Table) -> Iterable[Row]:
    connections, choices, shares = table["connection_count"], table["choice_count"], table["rule_share"]
    if not connections.sum():
        return
    expected_shares = table.expected_split
    expected_choices = (choices.sum(-1, keepdims=True) * shares).sum(0)
    low, high = binomial_interval(choices.sum(-1), shares)
    for i, pod in enumerate(table.pods):
        yield {
            "service": service,
            "served_by": pod,
            "connection_count": int(connections[:, i].sum()),
            "connection_share": float(connections[:, i].sum() / connections.sum()),
            "expected_share": float(expected_shares[i]),
            "choice_count": int(choices[:, i].sum()),
            "expected_choices": float(expected_choices[i]),
            "low_count": int(low[i]),
            "high_count": int(high[i]),
            "request_count": int(table["request_count"][:, i].sum()),
            "byte_count": int(table["byte_count"][:, i].sum()),
        }


def _skew_parts(service: str, tests: _Tests, p_value: float | None) -> Iterable[Row]:
    """The parts of the deviance, which add up; a cause only if the service is uneven after Holm's correction."""
    is_uneven = p_value is not None and p_value < ALPHA
    nodes, rules = tests.node_parts.cause, tests.rule_parts.cause
    parts = {
        "nodes": nodes if is_uneven else 0.0,
        "rules": rules if is_uneven else 0.0,
        "clients": tests.node_parts.clients + tests.rule_parts.clients,
        "chance": tests.node_parts.chance + tests.rule_parts.chance + (0.0 if is_uneven else nodes + rules),
    }
    total = sum(parts.values())
    for part, deviance in parts.items() if total else ():
        yield {
            "service": service,
            "part": part,
            "deviance": deviance,
            "deviance_share": deviance / total,
            "chance_deviance": tests.degrees_of_freedom if part == "chance" else None,
        }


def _p_value(test: TestResult | None) -> float | None:
    return None if test is None else float(test.p_value)
