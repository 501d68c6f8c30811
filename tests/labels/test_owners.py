"""Whose address is it, and when: a pod owns it while it has it, and two at one time leave it open."""

from __future__ import annotations

import pytest

from tests.labels.database import Row, built

S = 1_000_000
CAPTURE = {"first_us": 100 * S, "last_us": 200 * S}


def pod(name: str, since: int | None, until: int | None = None, phase: str = "Running", **more: object) -> Row:
    times = {"valid_from_us": since and since * S, "valid_to_us": until and until * S}
    return {"pod": name, "ip": "10.1.0.5", "node": "a", "phase": phase} | times | more


def owner(second: int | None, *pods: Row, endpoints: tuple[Row, ...] = (), owner_node: str | None = None) -> Row:
    """Who has the address at that second; None for no second in particular."""
    moment = -1 if second is None else second * S
    addresses = [{"ip": "10.1.0.5", "owner_node": owner_node, "host_node": "h"}]
    spans = built(
        "address_owners", {"pods": pods, "endpoints": endpoints, "addresses": addresses, "captures": [CAPTURE]}
    )
    found = [s for s in spans if s["valid_from_us"] <= moment < s["valid_to_us"]]
    assert len(found) == 1, "spans of one address neither overlap nor leave a gap"
    return found[0]


@pytest.mark.parametrize(("second", "expected"), [(50, "old"), (90, "old"), (92, None), (110, "new"), (900, "new")])
def test_a_finished_pod_never_owns_what_came_later(second, expected):
    pods = pod("old", 10, 90, "Succeeded"), pod("new", 110)
    assert owner(second, *pods)["pod"] == expected


def test_two_pods_at_one_time_leave_it_open_and_are_named():
    pods = pod("n/x", 10, 150, "Failed"), pod("n/y", 140, node="b")
    both = owner(145, *pods)
    assert (both["pod"], both["node"], both["claiming_pods"]) == (None, None, "n/x, n/y")
    assert owner(139, *pods)["pod"] == "n/x"
    assert owner(160, *pods)["pod"] == "n/y"


def test_without_a_moment_whoever_had_it_during_the_capture_counts():
    assert owner(None, pod("n/old", 10, 90, "Succeeded"), pod("n/new", 95))["pod"] == "n/new"
    assert owner(None, pod("n/old", 10, 120, "Succeeded"), pod("n/new", 130))["claiming_pods"] == "n/new, n/old"
    assert owner(None, pod("n/now", 10), pod("n/later", 300))["pod"] == "n/now"


def test_a_pod_that_should_be_gone_and_runs_has_its_address_until_another_takes_it():
    draining = pod("n/draining", 10, 90)
    assert owner(150, draining)["pod"] == "n/draining"
    assert owner(150, draining, pod("n/new", 120))["pod"] == "n/new"
    assert owner(100, draining, pod("n/new", 120))["pod"] == "n/draining"


def test_an_address_nobody_claims_is_its_ranges_nodes():
    assert owner(150)["node"] == "h"
    assert owner(150, pod("n/old", 10, 90, "Succeeded"))["node"] == "h"


def test_a_slice_names_a_pod_that_the_pods_do_not():
    listed = {"ip": "10.1.0.5", "pod": "n/z", "node": "c", "protocol": "tcp", "port": 80}
    assert owner(150, endpoints=(listed,))["pod"] == "n/z"
    assert owner(150, pod("n/z", 10, 90, "Failed"), endpoints=(listed,))["pod"] is None


def test_a_node_s_own_address_is_no_pod_s():
    listed = {"ip": "10.1.0.5", "pod": "n/proxy", "node": "c", "protocol": "tcp", "port": 80}
    at_node = owner(150, pod("n/proxy", 10, host_network=True), endpoints=(listed,), owner_node="c")
    assert (at_node["pod"], at_node["node"]) == (None, "c")
    assert owner(150, endpoints=(listed,), owner_node="c")["pod"] is None


def test_pods_on_a_node_s_address_are_told_apart_by_their_port():
    shared = [pod("n/one", 10, host_network=True), pod("n/two", 20, host_network=True)]
    listed = [
        {"ip": "10.1.0.5", "pod": p, "protocol": "tcp", "port": port} for p, port in (("n/one", 80), ("n/two", 443))
    ]
    rows = built("host_network_pods", {"pods": shared, "endpoints": listed})
    assert [(r["port"], r["pod"], r["valid_from_us"]) for r in rows] == [(80, "n/one", 10 * S), (443, "n/two", 20 * S)]


def home(*heights: tuple[str, int | None], **address: object) -> str | None:
    """The node that packets from a pod's address tell, each seen at a node with a time to live."""
    seen = [
        {"node": n, "capture_id": n, "first_line": i, "lower_ip": "10.1.0.5", "upper_ip": "x", "lower_ttl": ttl}
        for i, (n, ttl) in enumerate(heights)
    ]
    addresses = [{"ip": "10.1.0.5", "in_pod_range": True} | address]
    rows = built("ttl_home_nodes", {"conversations": seen, "addresses": addresses})
    return rows[0]["node"] if rows else None


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ([("a", 64), ("a", 63), ("b", 63), ("b", 62)], "a"),
        ([("a", 63), ("b", 128), ("b", 127)], "b"),
        ([("a", 64), ("b", 64)], None),  # pods on the nodes' own network: nothing is routed
        ([("a", 64), ("a", 63)], None),  # no other node shows it
        ([("a", 63), ("b", 62)], None),  # its own node may not have been captured
        ([("a", None), ("b", 63)], None),
    ],
)
def test_a_pod_lives_where_its_packets_were_not_routed_yet(heights, expected):
    assert home(*heights) == expected


def test_only_a_pod_s_home_is_told_by_its_packets():
    assert home(("a", 64), ("b", 63), in_pod_range=False) is None
    assert home(("a", 64), ("b", 63), owner_node="c") is None


def spans(heights: tuple[tuple[str, int], ...], **address: object) -> set[object]:
    """The nodes of a pod's address that packets from it tell of too."""
    seen = [
        {"node": n, "capture_id": n, "first_line": 1, "lower_ip": "10.1.0.5", "upper_ip": "x", "lower_ttl": t}
        for n, t in heights
    ]
    addresses = [{"ip": "10.1.0.5", "in_pod_range": True} | address]
    return {
        s["node"]
        for s in built("address_owners", {"conversations": seen, "addresses": addresses, "captures": [CAPTURE]})
    }


def test_packets_tell_where_objects_do_not_and_what_both_tell_must_agree():
    assert spans((("p", 64), ("q", 63))) == {"p"}
    assert spans((("p", 64), ("q", 63)), host_node="p") == {"p"}
    assert spans((("p", 64), ("q", 63)), host_node="h") == {None}
    assert spans((("p", 63), ("q", 63)), host_node="h") == {"h"}


@pytest.mark.parametrize(("seen_on", "expected"), [("m", "h"), ("h", "h"), ("q", None)])
def test_what_a_node_sends_to_a_pod_is_seen_on_no_third_one(seen_on, expected):
    addresses = [{"ip": "10.1.0.5", "host_node": "h"}, {"ip": "10.0.0.9", "owner_node": "m"}]
    sent = {
        "node": seen_on,
        "src_ip": "10.0.0.9",
        "protocol": "tcp",
        "dst_ip": "10.1.0.5",
        "dst_port": 80,
        "client_socket_number": 1,
    }
    rows = built("address_owners", {"client_sockets": [sent], "addresses": addresses, "captures": [CAPTURE]})
    assert {r["node"] for r in rows if r["ip"] == "10.1.0.5"} == {expected}
