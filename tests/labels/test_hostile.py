"""Captures that look like one thing and are another: what is claimed stays true, or nothing is claimed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake
from tests.labels.database import Row, built, called
from tests.labels.synthetic import Traffic
from tests.labels.synthetic_check import hold
from tests.labels.synthetic_cluster import Cluster, Service, nodes, pod

S = 1_000_000
A, B, C = pod("web-a", 0), pod("web-b", 1), pod("web-c", 2)
N0, N1, N2 = nodes()
WEB = Service("web", "10.200.0.80", (A, B, C), load_balancer="20.185.96.80", node_port=30080)
LB = ("20.185.96.80", 80)
CLIENT = "71.246.124.10"


def told(traffic, folder, dumped):
    """Label and reason of each connection where the dumps show another state of the cluster."""
    return [(r["label"], r["reason"]) for r in hold(traffic, folder, Cluster((dumped,)))]


def test_what_the_dump_rejects_was_answered(tmp_path):
    web = replace(WEB, pods=(A,))
    traffic = Traffic(Cluster((web,)))
    traffic.connect(2, (CLIENT, 40000), web, A, LB, N0)
    traffic.connect(3, (CLIENT, 40001), web, None, LB, N0)
    found = told(traffic, tmp_path, replace(web, pods=()))
    assert found == [("unlabelled", "rules-drifted"), ("dropped", None)]


def test_rules_and_slices_that_each_have_what_the_other_has_not(tmp_path):
    old = replace(A, name="web-old", ip="10.100.0.77")
    traffic = Traffic(Cluster((replace(WEB, pods=(B,)),)))
    traffic.connect(2, (CLIENT, 40000), WEB, B, LB, N0)
    traffic._seen = [s for s in traffic._seen if s[1].target == LB]  # only the leg before translation was captured
    assert told(traffic, tmp_path, replace(WEB, pods=(old,))) == [("unlabelled", "rules-drifted")]


@pytest.mark.parametrize(
    ("dumped", "gap", "expected"),
    [
        (60, 50, ("affinity-pinned", "pinned", None)),
        (60, 300, ("unlabelled", "unknown", "settings-differ")),
        (60, 700, ("direct", "expired", None)),
        (None, 50, ("unlabelled", "unknown", "settings-differ")),
    ],
)
def test_affinity_whose_time_was_changed(dumped, gap, expected, tmp_path):
    sticky = replace(WEB, affinity_s=600, pods=(A,))
    traffic = Traffic(Cluster((sticky,)))
    traffic.connect(2, (CLIENT, 40000), sticky, A, LB, N0)
    traffic.connect(2 + gap, (CLIENT, 40001), sticky, A, LB, N0)
    for truth in traffic.truths:
        truth.facts = {"hop": "local"}
        truth.label = "affinity-pinned" if truth.at > 2 and gap < 600 else "direct"
    row = hold(traffic, tmp_path, Cluster((replace(sticky, affinity_s=dumped),)))[-1]
    assert (row["label"], row["affinity"], row["affinity_reason"]) == expected


def leg(flow: str, leg: str, port: int, second: float, node: str = "a") -> Row:
    return {
        "flow_number": flow, "leg": leg, "node": node, "interface": None, "protocol": "tcp", "src_ip": "c",
        "src_port": port, "dst_ip": "s" if leg == "ingress" else "p", "dst_port": 80,
        "start_us": int(second * S), "synack_count": 1, "payload_bytes": 9, "tcp_isn": None,
    }  # fmt: skip


def grouped(*legs: Row) -> list[bool]:
    components = [{"flow_number": leg["flow_number"], "component": "r"} for leg in legs]
    return [r["has_fingerprint"] for r in built("leg_groups", called(legs) | {"fingerprint_components": components})]


def test_two_connections_whose_syns_have_one_number_are_not_joined_exactly():
    first = leg("1", "ingress", 1, 0), leg("2", "forward", 1001, 0)
    assert grouped(*first) == [True, True]
    assert grouped(*first, leg("3", "ingress", 2, 60)) == [False, False, False]
    assert grouped(*first, leg("3", "forward", 1002, 60)) == [False, False, False]


def test_a_client_rewritten_on_its_way_to_a_node_port_is_one():
    assert (
        grouped(leg("1", "ingress", 1, 0), leg("2", "ingress", 2, 0.001), leg("3", "forward", 3, 0.002)) == [True] * 3
    )


def test_an_attempt_that_nobody_answered_is_part_of_its_connection():
    dead = leg("2", "forward", 1001, 0) | {"synack_count": 0, "payload_bytes": 0}
    assert grouped(leg("1", "ingress", 1, 0), dead, leg("3", "forward", 1002, 3)) == [True] * 3


def stitch(key: int, leg: str, node: str, **more: object) -> Row:
    return {
        "connection_key": str(key), "protocol": "udp", "leg": leg, "node": node, "src_ip": "c", "src_node": "a",
        "dst_node": "b", "corrected_start_us": 50 * S, "start_us": 50 * S, "end_us": 50 * S,
    } | more  # fmt: skip


@pytest.mark.parametrize(("lost", "expected"), [(0, 0.0), (10, 100 * 0.1 * 0.1), (50, 100 * 0.5 * 0.5)])
def test_how_many_connections_lost_every_leg_between_nodes_is_told_by_those_that_lost_one(lost, expected):
    rows = [stitch(n, "ingress", "a") for n in range(100)]
    rows += [stitch(1000 + n, "forward", "a") for n in range(100)]
    rows += [stitch(1000 + n, "delivery", "b") for n in range(lost, 100 + lost)]
    files = [
        {"node": n, "kind": "packets", "kept_count": 1, "first_us": 0, "last_us": 100 * S, "capture_id": n}
        for n in "ab"
    ]
    [found] = built(
        "unseen_connection_estimate",
        {"connection_legs": rows, "captures": files, "clock_corrections": [{"node": "z", "clock_offset_us": 0}]},
    )
    assert found["unseen_count"] == pytest.approx(expected)


def test_one_client_socket_towards_many_addresses_at_once(tmp_path):
    twin = replace(WEB, name="twin", ip="10.200.0.83", load_balancer="20.185.96.83", node_port=30083)
    sticky = replace(WEB, name="sticky", ip="10.200.0.81", load_balancer="20.185.96.81", node_port=30081, affinity_s=60)
    traffic = Traffic(Cluster((WEB, twin, sticky)))
    traffic.spread(WEB)
    me = (CLIENT, 40000)
    traffic.connect(2, me, WEB, B, LB, N0)
    traffic.connect(2.001, me, twin, B, ("20.185.96.83", 80), N0)
    traffic.connect(2.002, me, WEB, A, (N0.ip, 30080), N0)
    traffic.connect(2.003, me, twin, C, (N1.ip, 30083), N1)
    traffic.connect(2.004, me, sticky, B, ("20.185.96.81", 80), N0, affinity="first")
    traffic.connect(2.005, me, WEB, C, (WEB.ip, 80), N0)  # a cluster IP that the outside routes to a node
    traffic.connect(3, me, sticky, B, (N0.ip, 30081), N0, affinity="pinned")  # one list, whatever was dialled
    hold(traffic, tmp_path)


def test_pods_and_nodes_dial_a_load_balancer_of_local_policy(tmp_path):
    web = replace(WEB, local=True, pods=(A, B))
    traffic = Traffic(Cluster((web,)), all_interfaces=True)
    traffic.spread(web)
    traffic.connect(2, (A.ip, 40000), web, B, LB, N0)
    traffic.connect(3, (A.ip, 40001), web, B, (web.ip, 80), N0)
    traffic.connect(4, (C.ip, 40002), web, B, LB, N2)
    hold(traffic, tmp_path)


@pytest.mark.parametrize("jump", [30, -30, 3600])
def test_a_clock_that_is_set_while_packets_are_captured(jump, tmp_path, monkeypatch):
    traffic = Traffic(Cluster((WEB,)))
    for at in (0.5, 10, 20):
        traffic.spread(WEB, at)
    for i, to in enumerate((A, B, C) * 2):
        traffic.connect(12 + i, (CLIENT, 40000 + i), WEB, to, LB, N0)
    whole = traffic._export

    def jumped(node):
        lines = whole(node).splitlines()
        half = len(lines) // 2 if node == N1 else len(lines)
        late = [line.split("\t", 1) for line in lines[half:]]
        return "\n".join([*lines[:half], *(f"{float(t) + jump:.6f}\t{rest}" for t, rest in late), ""])

    monkeypatch.setattr(Traffic, "_export", lambda self, node: jumped(node))
    traffic.write(tmp_path / "capture")
    lake = Lake(tmp_path / "lake")
    con = open_lake(lake, Limits(), run_whole(Job(Capture(tmp_path / "capture"), lake), Window()).run)
    rows = con.sql(f"SELECT * FROM connections WHERE client_ip = '{CLIENT}' ORDER BY client_port").to_dicts()
    expected = ["direct", "snat-forwarded", "snat-forwarded"] * 2
    assert [r["label"] for r in rows] == expected
    found = con.sql("SELECT node FROM findings WHERE finding = 'clock-unsteady'").fetchall()
    assert found == [("node-1",)]
