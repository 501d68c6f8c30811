"""Drift is what nodes' rules do differently with one Service, not how they are written, nor what differs by design."""

from __future__ import annotations

import pytest

from tests.labels.database import built

CHAIN, NFT, LOCAL = "KUBE-SVC-AAAAAAAAAAAAAAAA", "service-ULMVA6XW-ns1/svc1/tcp/p80", "KUBE-SVL-AAAAAAAAAAAAAAAA"
OLD, NEW = "10.100.0.1", "10.100.0.9"


def decision(node, *endpoints, **other):
    """Rows of one node's decision: its endpoints with equal shares."""
    row = {"node": node, "protocol": "tcp", "dst_ip": "10.200.0.1", "dst_port": 80, "source_class": 0} | {
        "service": "default/web", "chain": CHAIN, "verdict": "dnat", "certain": True
    } | other  # fmt: skip
    shares = [{"endpoint_ip": ip, "endpoint_port": 80, "probability": 1 / len(endpoints)} for ip in endpoints]
    return [row | share for share in shares or [{}]]


def drifts(*decisions, servers=("a", "b", "c")):
    rows = [row for one in decisions for row in one]
    known = [{"node": node, "protocol": "tcp", "ip": "10.200.0.1", "port": 80} for node in servers]
    nodes = [{"node": node, "chain": CHAIN} for node in ("a", "b", "c")]
    found = built("rule_drifts", {"decisions": rows, "rules": nodes, "rule_servers": known})
    return [(r["node"], r["difference"], r["kind"], r["value"]) for r in found]


def usual(**other):
    return [*decision("a", OLD, **other), *decision("b", OLD, **other)]


@pytest.mark.parametrize("chain", [CHAIN, NFT])
def test_a_node_with_an_old_endpoint_is_named(chain):
    found = drifts(usual(chain=chain), decision("c", NEW, chain=chain))
    assert found == [("c", "missing-here", "endpoint", f"{OLD}:80"), ("c", "only-here", "endpoint", f"{NEW}:80")]


def test_of_two_nodes_that_differ_neither_is_the_usual_one():
    rows = [*decision("a", OLD), *decision("b", NEW), *decision("c", OLD, certain=False)]
    assert [(n, d) for n, d, _, _ in drifts(rows)] == [("a", "only-here"), ("b", "only-here")]


def test_an_endpoint_less_is_told_without_the_shares_that_follow_from_it():
    rows = [*decision("a", OLD, NEW), *decision("b", OLD, NEW), *decision("c", OLD)]
    assert drifts(rows) == [("c", "missing-here", "endpoint", f"{NEW}:80")]


def test_other_shares_of_the_same_endpoints_are_drift():
    skewed = [row | {"probability": share} for row, share in zip(decision("c", OLD, NEW), (0.25, 0.75), strict=True)]
    found = drifts(decision("a", OLD, NEW), decision("b", OLD, NEW), skewed)
    assert ("c", "only-here", "share", f"{OLD}:80 25.0 %") in found
    assert ("c", "missing-here", "share", f"{OLD}:80 50.0 %") in found


def test_affinity_is_part_of_what_rules_do():
    assert drifts(usual(affinity_s=10800), decision("c", OLD)) == [("c", "missing-here", "affinity", "10800 s")]


@pytest.mark.parametrize("verdict", ["reject", "drop"])
def test_a_node_that_refuses_what_others_serve_is_named(verdict):
    found = drifts(usual(), decision("c", verdict=verdict, chain=None))
    assert found == [("c", "refused-here", "service", CHAIN)]


def test_a_node_that_does_not_know_a_service_is_named_and_one_that_was_only_not_traced_is_not():
    assert drifts(usual(), servers=("a", "b")) == [("c", "unknown-here", "service", CHAIN)]
    assert drifts(usual()) == []


@pytest.mark.parametrize(
    "third",
    [
        decision("c", OLD),
        decision("c", NEW, certain=False, uncertain_because="a chain is missing"),
        [*decision("c", OLD), *decision("c", NEW, chain=LOCAL, dst_ip="20.0.0.1")],
        [*decision("c", OLD), *decision("c", chain=LOCAL, dst_ip="20.0.0.1", verdict="drop")],
        [*decision("c", OLD), *decision("c", OLD, source_class=1)],
    ],
    ids=["alike", "not certain", "local endpoints", "no local endpoints", "two classes"],
)
def test_what_is_alike_or_differs_by_design_is_no_drift(third):
    local = decision("a", OLD, chain=LOCAL, dst_ip="20.0.0.1")
    assert drifts(usual(), local, third) == []
