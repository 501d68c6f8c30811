"""Judges each service: from what the marts count to verdicts, expected shares and the parts of the skew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.statistics import significance
from pipeline.statistics.service_counts import all_services, count
from pipeline.statistics.significance import ALARM, Part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.schema import Row
    from pipeline.statistics.service_counts import Service, Table
    from pipeline.statistics.significance import Test
    from pipeline.store.duckdb_engine import Connection

_ROAMING = 1.1
_FEW_LOST = 0.05
_WORTH_TELLING = 0.1
_NOTHING = Part(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Tests:
    """What was tested of a service, and the parts of its deviance."""

    rules: Test | None
    rules_as_seen: Test | None
    nodes: Test | None
    of_rules: Part
    of_nodes: Part
    freedom: float

    @property
    def p_value(self) -> float | None:
        """Of nodes and rules together; None where neither could be tested."""
        found = [float(t.p_value) for t in (self.rules, self.nodes) if t is not None]
        return None if not found else found[0] if len(found) == 1 else significance.either(*found)


def judge(con: Connection) -> dict[str, list[Row]]:
    """Judge every service of the run whose marts `con` shows: rows by table."""
    services = all_services(con)
    tests = [_test(s) for s in services]
    asked = [i for i, t in enumerate(tests) if t.p_value is not None]
    adjusted = dict(zip(asked, significance.holm([tests[i].p_value or 0.0 for i in asked]), strict=True))
    shown = [s.table(one_view=True) for s in services]
    return {
        "verdicts": [_verdict(s, shown[i], tests[i], adjusted.get(i)) for i, s in enumerate(services)],
        "expected_shares": [row for s, t in zip(services, shown, strict=True) for row in _expected_shares(s.name, t)],
        "skew_parts": [row for i, s in enumerate(services) for row in _skew_parts(s.name, tests[i], adjusted.get(i))],
    }


def _test(service: Service) -> _Tests:
    table = service.table(one_view=False)
    shares, choices = table["rule_share"], table["choice_count"]
    of_rules, rules, as_seen = _NOTHING, None, None
    if bool(((shares > 0).sum(-1) > 1)[choices.sum(-1) > 0].any()):
        filled = significance.most_even(choices, service.lost_counts(table.groups), shares)
        as_seen = significance.fair_test(choices, shares)
        rules = significance.fair_test(filled, shares) if service.lost else as_seen
        of_rules = significance.attribute(table["connection_count"], choices, shares, as_seen)
    nodes, of_nodes = _test_nodes(service.arrivals)
    freedom = sum(float(t.freedom) for t in (as_seen, nodes) if t is not None)
    return _Tests(rules, as_seen, nodes, of_rules, of_nodes, freedom)


def _test_nodes(arrivals: list[Row]) -> tuple[Test | None, Part]:
    """Nodes against an even hash, which takes connections one by one, or clients where each keeps to its node."""
    import numpy as np

    if len(arrivals) < 2:
        return None, _NOTHING
    connections = np.array([[float(count(a, "connection_count")) for a in arrivals]])
    clients = np.array([[float(count(a, "client_count")) for a in arrivals]])
    stay = clients.sum() <= _ROAMING * count(arrivals[0], "all_client_count") and clients.sum() < connections.sum()
    units, even = clients if stay else connections, np.full((1, len(arrivals)), 1 / len(arrivals))
    test = significance.fair_test(units, even)
    return test, significance.attribute(connections, units, even, test)


def _verdict(service: Service, shown: Table, tests: _Tests, p_value: float | None) -> Row:
    doubt, uneven = _doubt(service, shown, tests, p_value), p_value is not None and p_value < ALARM
    cause = None if doubt else _cause(tests, alarm=uneven)
    clients = sum(count(c, "client_count") for c in service.clients)
    return {
        "service": service.name,
        "verdict": "unknown" if doubt else "uneven" if uneven else "even",
        "cause": cause,
        "doubt": doubt,
        "connection_count": sum(count(c, "connection_count") for c in service.cells),
        "judged_count": int(shown["connection_count"].sum()),
        "lost_count": sum(service.lost.values()),
        "outside_count": service.outside_count,
        "choice_count": int(shown["choice_count"].sum()),
        "client_count": clients or None,
        "effective_clients": service.effective_clients if clients else None,
        "pod_count": len({c["served_by"] for c in service.cells if c["rule_share"] is not None}),
        "node_count": len({node for node, _ in shown.groups}),
        "arrival_node_count": len(service.arrivals),
        "p_value": None if doubt else p_value,
        "chance_share": None if doubt else tests.p_value,
        "rules_p_value": _p(tests.rules),
        "nodes_p_value": _p(tests.nodes),
        **_measures(shown, tests.rules_as_seen),
        **_pod_above(shown, cause),
        **_busiest_node(service.arrivals),
    }


def _doubt(service: Service, shown: Table, tests: _Tests, p_value: float | None) -> str | None:
    """Why nothing can be said, if so; uneven is what no lost connection can make even, so it needs no further proof."""
    judged, lost = int(shown["connection_count"].sum()), sum(service.lost.values())
    known = sum(count(c, "connection_count") for c in service.cells)
    as_seen, filled = (1.0 if t is None else float(t.p_value) for t in (tests.rules_as_seen, tests.rules))
    if service.outside_count:
        return "rules-drifted"
    if not shown.groups or 2 * (judged + lost) < known:
        return "no-certain-rules"
    if p_value is None:
        return "no-choice" if judged else "lost-connections"
    if p_value >= ALARM and (lost > _FEW_LOST * judged or as_seen < ALARM <= filled):
        return "lost-connections"
    return None


def _cause(tests: _Tests, *, alarm: bool) -> str | None:
    """The largest part; what only keeps clients together is named without an alarm where it outweighs chance."""
    causes = {"nodes": tests.of_nodes.cause, "rules": tests.of_rules.cause}
    if alarm:
        return max(causes, key=lambda name: causes[name]) if any(causes.values()) else None
    clients = tests.of_nodes.clients + tests.of_rules.clients
    return "clients" if clients > 3 * max(tests.freedom, 1.0) else None


def _measures(table: Table, test: Test | None) -> Row:
    if test is None:
        return {}
    evenness, most = significance.spreads(table["choice_count"], table["rule_share"])
    return {
        "chi_square": float(test.statistic),
        "freedom_count": int(test.freedom),
        "is_drawn": test.is_drawn,
        "jain_index": evenness.value,
        "jain_limit_index": evenness.limit,
        "peak_ratio": most.value,
        "peak_limit_ratio": most.limit,
    }


def _pod_above(table: Table, cause: str | None) -> Row:
    """The place furthest above what is expected of it; where nodes are the cause, furthest above for that reason."""
    connections = table["connection_count"]
    if not connections.sum():
        return {}
    observed = connections.sum(0) / connections.sum()
    expected = table.expected_split
    above = observed - expected
    if cause == "nodes":
        above, expected = expected - table.even_split, table.even_split
    place = int((above / (expected + 1e-9) ** 0.5).argmax())
    if cause == "nodes" and above[place] < _WORTH_TELLING * expected[place]:
        return {}
    return {
        "pod": table.places[place],
        "pod_share": float(observed[place]),
        "pod_expected_share": float(expected[place]),
    }


def _busiest_node(arrivals: list[Row]) -> Row:
    if not arrivals:
        return {}
    most = max(arrivals, key=lambda a: (count(a, "connection_count"), str(a["node"])))
    whole = sum(count(a, "connection_count") for a in arrivals)
    return {"node": most["node"], "node_share": count(most, "connection_count") / whole}


def _expected_shares(name: str, table: Table) -> Iterable[Row]:
    connections, choices, shares = table["connection_count"], table["choice_count"], table["rule_share"]
    if not connections.sum():
        return
    expected = table.expected_split
    of_choices = (choices.sum(-1, keepdims=True) * shares).sum(0)
    low, high = significance.bands(choices.sum(-1), shares)
    for i, place in enumerate(table.places):
        yield {
            "service": name,
            "served_by": place,
            "connection_count": int(connections[:, i].sum()),
            "connection_share": float(connections[:, i].sum() / connections.sum()),
            "expected_share": float(expected[i]),
            "choice_count": int(choices[:, i].sum()),
            "expected_choices": float(of_choices[i]),
            "low_count": int(low[i]),
            "high_count": int(high[i]),
            "request_count": int(table["request_count"][:, i].sum()),
            "byte_count": int(table["byte_count"][:, i].sum()),
        }


def _skew_parts(name: str, tests: _Tests, p_value: float | None) -> Iterable[Row]:
    """The parts add up; among many services some have a cause by chance, so only an uneven one is given any."""
    uneven = p_value is not None and p_value < ALARM
    nodes, rules = tests.of_nodes.cause, tests.of_rules.cause
    parts = {
        "nodes": nodes if uneven else 0.0,
        "rules": rules if uneven else 0.0,
        "clients": tests.of_nodes.clients + tests.of_rules.clients,
        "chance": tests.of_nodes.chance + tests.of_rules.chance + (0.0 if uneven else nodes + rules),
    }
    whole = sum(parts.values())
    for part, value in parts.items() if whole else ():
        average = tests.freedom if part == "chance" else None
        yield {
            "service": name,
            "part": part,
            "deviance": value,
            "deviance_share": value / whole,
            "chance_deviance": average,
        }


def _p(test: Test | None) -> float | None:
    return None if test is None else float(test.p_value)
