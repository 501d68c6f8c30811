"""Captures that look like one thing and are another: what is claimed stays true, or nothing is claimed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.labels.database import Row, built
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
        "flow_id": flow, "leg": leg, "node": node, "interface": None, "protocol": "tcp", "src_ip": "c",
        "src_port": port, "dst_ip": "s" if leg == "ingress" else "p", "dst_port": 80,
        "start_us": int(second * S), "synack_count": 1, "payload_bytes": 9,
    }  # fmt: skip


def grouped(*legs: Row) -> list[bool]:
    roots = [{"flow_id": one["flow_id"], "root": "r"} for one in legs]
    return [r["has_marks"] for r in built("groups", {"legs": legs, "roots": roots})]


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
        "stitch_key": str(key), "protocol": "udp", "leg": leg, "node": node, "src_ip": "c", "src_node": "a",
        "dst_node": "b", "at_us": 50 * S, "start_us": 50 * S, "end_us": 50 * S,
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
    [found] = built("losses", {"stitches": rows, "captures": files, "clocks": [{"node": "z", "ahead_us": 0}]})
    assert found["lost_count"] == pytest.approx(expected)
