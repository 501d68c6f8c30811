"""What changed while packets were captured: named only where it is beyond doubt, and marked on what shows time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .conftest import NODES, START_US, connection, database
from .test_report import Reader, rendered
from .test_verdicts import ALIKE, EVEN, lose, rules, traffic

if TYPE_CHECKING:
    from pathlib import Path

    Rows = list[dict[str, object]]

OLD, NEW = "10.1.0.0", "10.1.0.4"


def rollout(count: int = 1200, half: int = 600) -> Rows:
    """The first pod gives way to a fifth in the middle."""
    rows = traffic(count, EVEN, ALIKE)
    return [r | {"pod_ip": NEW} if r["pod_ip"] == OLD and n >= half else r for n, r in enumerate(rows)]


def events(connections: Rows, **tables: Rows) -> list[tuple[object, ...]]:
    with database({"connections": connections, "decisions": rules(EVEN), **tables}) as con:
        return con.sql("SELECT event, node, pod, at_us FROM distribution_events ORDER BY ALL").fetchall()


def test_a_rollout_is_seen_in_what_each_node_chose() -> None:
    found = events(rollout())
    assert {(event, pod) for event, _, pod, _ in found} == {("first-chosen", NEW), ("last-chosen", OLD)}
    assert {node for _, node, *_ in found} == set(NODES)
    assert all(abs(at - START_US - 600 * 17_000) < 600 * 17_000 * 0.1 for *_, at in found)


@pytest.mark.parametrize("seed", range(3))
def test_what_chance_does_is_no_change(seed: int) -> None:
    assert events(traffic(600, EVEN, ALIKE, seed)) == []


def test_a_node_that_receives_late_is_no_change_of_rules() -> None:
    rows = [r for n, r in enumerate(traffic(1200, EVEN, ALIKE)) if n > 700 or r["ingress_node"] != NODES[1]]
    assert events(rows) == []


def test_pods_that_are_not_known_may_be_the_one_that_is_missed() -> None:
    rows = rollout()
    assert events(lose(rows[:600], lambda r: r["pod_ip"] == OLD) + rows[600:]) == []


def test_few_connections_show_nothing() -> None:
    assert events(rollout(120, 60)) == []


def test_objects_and_dumps_tell_too() -> None:
    pod = {"pod": "a/p0", "ip": "10.1.0.0", "node": NODES[0], "phase": "Running"}
    pods: Rows = [pod | {"valid_from_us": START_US - 9, "valid_to_us": START_US + 3_000_000}]
    dump = {"capture_id": "a", "file": "f", "kind": "rules", "node": NODES[2], "taken_us": START_US + 2_000_000}
    dumps: Rows = [dump | {"taken_in_utc": True}, dump | {"capture_id": "b", "taken_in_utc": False}]
    rows = [r | {"pod": "a/p0"} if r["pod_ip"] == OLD else r for r in traffic(300, EVEN, ALIKE)]
    assert events(rows, pods=pods, captures=dumps) == [
        ("pod-ended", NODES[0], "a/p0", START_US + 3_000_000),
        ("rules-dumped", NODES[2], None, START_US + 2_000_000),
    ]


def test_a_change_is_marked_on_the_charts_and_named_beside_the_skew(tmp_path: Path) -> None:
    with database({"connections": rollout(), "decisions": rules(EVEN)}) as con:
        page = Reader(rendered(con, tmp_path))
    assert "changed during the run" in page.texts["skew"]
    assert ": a rollout, or rules that changed" in page.texts["pod-times"]
    for name in ("times-1-1", "node-times-1-1", "pod-times-1-1"):
        assert {shape["type"] for shape in page.figures[name]["layout"]["shapes"]} == {"line"}


def test_long_connections_are_named_with_what_they_carried(tmp_path: Path) -> None:
    rows = [r | {"request_count": 1} for r in traffic(300, EVEN, ALIKE)]
    rows += [
        connection(400 + n, service="a/b", start_us=START_US, end_us=START_US + 5_000_000, request_count=27)
        for n in range(100)
    ]
    with database({"connections": rows, "decisions": rules(EVEN)}) as con:
        page = Reader(rendered(con, tmp_path))
        found = con.sql(
            "SELECT least_us, is_long, connection_count, request_count FROM distribution_durations ORDER BY 1"
        )
        assert found.fetchall() == [(100_000, False, 300, 300), (1_000_000, True, 100, 2700)]
    for anchor in ("skew", "durations"):
        assert "100 of 400 connections (25\u202f%) lasted more than half" in " ".join(page.texts[anchor].split(" "))
        assert "90\u202f%" in page.texts[anchor]


def held_ports(count: int, **tables: Rows) -> tuple[list[tuple[object, ...]], list[int]]:
    """What is said of `count` connections on one way, one every five seconds, and how many ports are held over time."""
    way = {"ingress_node": NODES[0], "source_nat": True, "snat_ip": "10.220.1.4", "pod_ip": "10.1.0.1", "pod_port": 80}
    at = [{"start_us": START_US + n * 5_000_000, "end_us": START_US + n * 5_000_000} for n in range(count)]
    rows = [connection(n, **way, **at[n], snat_port=32_000 + n, label="snat-forwarded") for n in range(count)]
    with database({"connections": rows, **tables}) as con:
        said = con.sql("SELECT held_count, range_count, least_port, most_port FROM distribution_ports").fetchall()
        held = con.sql("SELECT held_count FROM distribution_port_times ORDER BY bucket_us").fetchall()
    return said, [n for (n,) in held]


def test_ports_are_held_two_minutes_and_no_longer() -> None:
    said, held = held_ports(40)
    assert said == [(24, 64_512, 32_000, 32_039)]
    assert held[:3] == [2, 4, 6], "buckets are ten seconds wide"
    assert max(held) == held[-1] == 24
    assert len(held) == 20


@pytest.mark.parametrize(("ports", "range_count"), [("32000-32999", 1000), ("40000-40999", 64_512)])
def test_a_rule_may_name_the_ports_there_are_unless_others_were_seen(ports: str, range_count: int) -> None:
    rule = {"node": NODES[0], "table_name": "nat", "chain": "KUBE-POSTROUTING", "target": "MASQUERADE"}
    said, _ = held_ports(5, rules=[rule | {"text": f"-A KUBE-POSTROUTING -p tcp -j MASQUERADE --to-ports {ports}"}])
    assert said == [(5, range_count, 32_000, 32_004)]
