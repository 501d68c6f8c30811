"""Verdicts of services: uneven only beyond doubt, a cause where it was planted, and unknown where it is not known."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from pipeline.report.page import summary

from .conftest import NODES, connection, database

if TYPE_CHECKING:
    from collections.abc import Callable

    Rows = list[dict[str, object]]

SERVICE = {
    "service": "a/b",
    "protocol": "tcp",
    "dst_ip": "10.0.0.9",
    "dst_port": 80,
    "verdict": "dnat",
    "certain": True,
}


def rules(shares: dict[int, list[float]]) -> Rows:
    """Decisions by node; the n-th endpoint is 10.1.0.n on node n modulo 3."""
    return [
        {**SERVICE, "node": NODES[node], "trace_id": f"t{node}", "source_class": 0, "endpoint_ip": f"10.1.0.{n}"}
        | {"endpoint_port": 80, "probability": p}
        for node, of_node in shares.items()
        for n, p in enumerate(of_node)
        if p
    ]


def traffic(count: int, shares: dict[int, list[float]], nodes: list[float], seed: int = 1, **more: object) -> Rows:
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        node = chance.choices(range(len(nodes)), nodes)[0]
        pod = chance.choices(range(len(shares[node])), shares[node])[0]
        known = {
            "ingress_node": NODES[node],
            "trace_id": f"t{node}",
            "pod_ip": f"10.1.0.{pod}",
            "pod_node": NODES[pod % 3],
        }
        client = {"client_ip": f"192.0.2.{number % 50}", "dest_ip": "10.0.0.9", "service": "a/b"}
        hop = "local" if pod % 3 == node else "forwarded"
        rows.append(connection(number, **known, **client, hop=hop, label="direct", source_nat=True, **more))
    return rows


def verdict(connections: Rows, decisions: Rows) -> dict[str, object]:
    with database({"connections": connections, "decisions": decisions}) as con:
        (found,) = con.sql("SELECT * FROM verdicts").to_dicts()
        parts = con.sql("SELECT part, deviance_share FROM skew_parts").fetchall()
        text = summary(con)
    return found | {"parts": dict(parts), "text": text}


EVEN = {node: [0.25] * 4 for node in range(3)}
LOCAL = {0: [0.5, 0, 0, 0.5], 1: [0, 1, 0, 0]}
ALIKE = [1.0, 1.0, 1.0]


def test_what_follows_the_rules_is_even() -> None:
    found = verdict(traffic(900, EVEN, ALIKE), rules(EVEN))
    assert (found["verdict"], found["cause"], found["doubt"]) == ("even", None, None)
    assert found["parts"]["chance"] == pytest.approx(1)
    assert "Balanced: differences are within chance (p = " in found["text"]


def test_local_policy_is_even_although_its_pods_do_not_get_alike() -> None:
    found = verdict(traffic(800, LOCAL, [1, 1]), rules(LOCAL))
    assert found["verdict"] == "even"
    assert found["pod_count"] == 3


def test_a_node_that_got_most_is_the_cause_and_its_pods_show_it() -> None:
    found = verdict(traffic(900, LOCAL, [1, 3]), rules(LOCAL))
    assert (found["verdict"], found["cause"], found["node"], found["pod"]) == ("uneven", "nodes", NODES[1], "10.1.0.1")
    assert found["parts"]["nodes"] > 0.9
    assert found["pod_expected_share"] == pytest.approx(0.5)


def test_a_node_that_got_most_does_not_blame_pods_that_got_alike() -> None:
    found = verdict(traffic(900, EVEN, [1, 3, 1]), rules(EVEN))
    assert (found["verdict"], found["cause"], found["pod"]) == ("uneven", "nodes", None)
    assert "The node's rules spread them evenly over the pods" in found["text"]


def test_a_node_that_does_not_do_as_its_rules_say_is_the_cause() -> None:
    skewed = EVEN | {1: [0.55, 0.15, 0.15, 0.15]}
    found = verdict(traffic(1500, skewed, ALIKE), rules(EVEN))
    assert (found["verdict"], found["cause"], found["pod"]) == ("uneven", "rules", "10.1.0.0")
    assert found["parts"]["rules"] > 0.7
    assert found["p_value"] < 1e-6


def test_few_clients_under_affinity_are_no_alarm_but_named() -> None:
    turns = [row | {"affinity": "first" if n < 12 else "pinned"} for n, row in enumerate(traffic(12, EVEN, ALIKE))]
    heavy = [turns[0] | {"connection_id": f"x-{n}", "affinity": "pinned"} for n in range(600)]
    found = verdict(turns + heavy, rules(EVEN))
    assert (found["verdict"], found["cause"], found["choice_count"]) == ("even", "clients", 12)
    assert found["parts"]["clients"] > 0.9
    assert found["effective_clients"] < 2


def test_pods_that_cannot_be_told_apart_are_one_place() -> None:
    rows = traffic(900, EVEN, ALIKE)
    blurred = [r | {"pod_ip": None} if r["hop"] == "local" and r["ingress_node"] == NODES[0] else r for r in rows]
    pods = [{"pod": f"a/p{n}", "ip": f"10.1.0.{n}", "node": NODES[n % 3], "phase": "Running"} for n in range(4)]
    with database({"connections": blurred, "decisions": rules(EVEN), "pods": pods}) as con:
        (found,) = con.sql("SELECT verdict, judged_count, lost_count FROM verdicts").fetchall()
        places = con.sql("SELECT served_by, expected_share FROM expected_shares ORDER BY 1").fetchall()
    assert found == ("even", 900, 0)
    assert [name for name, _ in places] == ["10.1.0.1", "10.1.0.2", f"pods on {NODES[0]}"]
    assert places[2][1] == pytest.approx(0.5)


def lose(rows: Rows, wanted: Callable[[dict[str, object]], bool]) -> Rows:
    return [r | {"pod_ip": None, "pod_node": None, "hop": "unknown"} if wanted(r) else r for r in rows]


def test_lost_connections_make_an_even_spread_no_alarm() -> None:
    rows = lose(traffic(900, EVEN, ALIKE), lambda r: r["pod_ip"] == "10.1.0.2")
    found = verdict(rows, rules(EVEN))
    assert (found["verdict"], found["doubt"], found["p_value"]) == ("unknown", "lost-connections", None)


def test_a_skew_that_no_lost_connection_makes_even_is_uneven() -> None:
    skewed = {node: [0.7, 0.1, 0.1, 0.1] for node in range(3)}
    rows = lose(traffic(900, skewed, ALIKE), lambda r: r["pod_ip"] == "10.1.0.2")
    assert verdict(rows, rules(EVEN))["verdict"] == "uneven"


@pytest.mark.parametrize(
    ("decisions", "doubt"),
    [
        ([], "no-certain-rules"),
        ([row | {"certain": False} for row in rules(EVEN)], "no-certain-rules"),
        ([row | {"probability": 0.2} for row in rules(EVEN)], "no-certain-rules"),
        (rules({n: [0.5, 0.5] for n in range(3)}), "rules-drifted"),
    ],
    ids=["no rules", "uncertain", "shares that make no whole", "pods that the rules do not have"],
)
def test_what_cannot_be_judged_says_why(decisions: Rows, doubt: str) -> None:
    found = verdict(traffic(300, EVEN, ALIKE), decisions)
    assert (found["verdict"], found["doubt"]) == ("unknown", doubt)


def test_one_node_with_one_pod_had_no_choice() -> None:
    one = {0: [1.0]}
    assert verdict(traffic(50, one, [1]), rules(one))["doubt"] == "no-choice"


def test_clients_inside_the_cluster_are_not_blamed_on_a_load_balancer() -> None:
    rows = traffic(900, EVEN, [1, 3, 1])
    inside = [{"ip": f"192.0.2.{n}", "in_pod_range": True} for n in range(50)]
    with database({"connections": rows, "decisions": rules(EVEN), "addresses": inside}) as con:
        assert con.sql("SELECT verdict, nodes_p_value FROM verdicts").fetchall() == [("even", None)]
