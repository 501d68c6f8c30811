"""What the labs do not hold: scripted connections, run whole, held against what really happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.labels.synthetic import Traffic
from tests.labels.synthetic_check import hold
from tests.labels.synthetic_cluster import Cluster, Service, nodes, pod

A, B, C = pod("web-a", 0), pod("web-b", 1), pod("web-c", 2)
N0, N1, N2 = nodes()
WEB = Service("web", "10.200.0.80", (A, B, C), load_balancer="20.185.96.80", node_port=30080)
STICKY = replace(WEB, name="sticky", ip="10.200.0.81", load_balancer="20.185.96.81", node_port=30081, affinity_s=60)
LB = ("20.185.96.80", 80)
STICKY_LB = ("20.185.96.81", 80)
CLIENT = "71.246.124.10"


def test_a_spread_load_test(tmp_path):
    traffic = Traffic(Cluster((WEB,)))
    traffic.spread(WEB)
    assert {r["evidence"] for r in hold(traffic, tmp_path)} == {"stitched", "absence"}


def test_many_requests_on_one_connection(tmp_path):
    traffic = Traffic(Cluster((WEB,)))
    traffic.spread(WEB)
    traffic.connect(2, (CLIENT, 40000), WEB, B, LB, N0, requests=30, lasts=20.0)
    traffic.connect(2, (CLIENT, 40001), WEB, A, LB, N0, requests=7, lasts=3.0)
    assert [r["request_count"] for r in hold(traffic, tmp_path)[-2:]] == [30, 7]


def test_clocks_apart(tmp_path):
    traffic = Traffic(Cluster((WEB,)), clocks={"node-1": 2.0, "node-2": -1.3})
    traffic.spread(WEB)
    hold(traffic, tmp_path)


def test_affinity_pins_within_its_time_and_expires_after(tmp_path):
    traffic = Traffic(Cluster((STICKY,)))
    traffic.spread(STICKY)
    for at, to, affinity in ((1, B, "first"), (30, B, "pinned"), (130, C, "expired"), (150, C, "pinned")):
        traffic.connect(at, (CLIENT, 40000 + at), STICKY, to, STICKY_LB, N0, affinity=affinity)
    traffic.connect(151, (CLIENT, 41000), STICKY, C, STICKY_LB, N1, affinity="first", affinity_reason="other-node")
    rows = hold(traffic, tmp_path)[-5:]
    assert [(r["affinity"], r["affinity_reason"]) for r in rows] == [
        ("first", "capture-start"),
        ("pinned", None),
        ("expired", None),
        ("pinned", None),
        ("first", "other-node"),
    ]


def test_a_client_that_comes_after_the_affinity_s_time_was_not_there_before(tmp_path):
    traffic = Traffic(Cluster((STICKY,)))
    traffic.spread(STICKY)
    traffic.connect(90, (CLIENT, 40000), STICKY, B, STICKY_LB, N0, affinity="first")
    traffic.truths[-1].facts["affinity_reason"] = None
    assert hold(traffic, tmp_path)[-1]["affinity_reason"] is None


def test_a_client_that_moved_for_no_reason_seen(tmp_path):
    traffic = Traffic(Cluster((STICKY,)))
    traffic.spread(STICKY)
    traffic.connect(1, (CLIENT, 40000), STICKY, B, STICKY_LB, N0, affinity="first")
    traffic.connect(20, (CLIENT, 40001), STICKY, C, STICKY_LB, N0, affinity="moved", affinity_reason="unexplained")
    assert hold(traffic, tmp_path)[-1]["affinity_reason"] == "unexplained"


def test_affinity_expires_though_chance_finds_the_same_pod(tmp_path):
    traffic = Traffic(Cluster((STICKY,)))
    traffic.spread(STICKY)
    traffic.connect(1, (CLIENT, 40000), STICKY, B, STICKY_LB, N0, affinity="first")
    traffic.connect(101, (CLIENT, 40001), STICKY, B, STICKY_LB, N0, affinity="expired")
    assert [r["affinity"] for r in hold(traffic, tmp_path)[-2:]] == ["first", "expired"]


def test_the_time_of_affinity_counts_from_the_connections_begin(tmp_path):
    traffic = Traffic(Cluster((STICKY,)))
    traffic.spread(STICKY)
    traffic.connect(1, (CLIENT, 40000), STICKY, B, STICKY_LB, N0, affinity="first", requests=9, lasts=90.0)
    traffic.connect(101, (CLIENT, 40001), STICKY, C, STICKY_LB, N0, affinity="expired")
    assert [r["affinity"] for r in hold(traffic, tmp_path)[-2:]] == ["first", "expired"]


@pytest.mark.parametrize("dumped", ["before", "after"])
def test_an_endpoint_goes_away(dumped, tmp_path):
    gone = replace(B, until=50.0)
    sticky = replace(STICKY, pods=(A, gone, C))
    after = Cluster((sticky.without(gone),))
    traffic = Traffic(Cluster((sticky,)))
    traffic.spread(sticky)
    traffic.connect(1, (CLIENT, 40000), sticky, gone, STICKY_LB, N0, affinity="first")
    traffic.connect(70, (CLIENT, 40001), sticky, C, STICKY_LB, N0, affinity="expired")
    traffic.connect(20, ("71.246.124.11", 40000), sticky, gone, STICKY_LB, N0, affinity="first")
    gone_says = {"affinity": "moved", "affinity_reason": "endpoint-gone"}
    traffic.connect(55, ("71.246.124.11", 40001), sticky, C, STICKY_LB, N0, **gone_says)
    row = hold(traffic, tmp_path, after if dumped == "after" else None)[-1]
    assert (row["affinity"], row["affinity_reason"]) == ("moved", "endpoint-gone")


def test_more_clients_than_a_list_holds(tmp_path):
    traffic = Traffic(Cluster((STICKY,)))
    traffic.spread(STICKY)
    clients = [f"71.246.{i // 100}.{i % 100 + 1}" for i in range(150)]
    for i, client in enumerate(clients):
        traffic.connect(1 + i / 100, (client, 40000), STICKY, B, STICKY_LB, N0, affinity="first")
    for i, client in enumerate(clients):
        to, affinity, why = (B, "pinned", None) if i >= 50 else (C, "moved", "list-overflow")
        traffic.connect(5 + i / 100, (client, 40001), STICKY, to, STICKY_LB, N0, affinity=affinity, affinity_reason=why)
    rows = hold(traffic, tmp_path)
    assert [(r["affinity"], r["affinity_reason"]) for r in rows[-150:]] == (
        [("moved", "list-overflow")] * 50 + [("pinned", None)] * 100
    )


def test_ipv6(tmp_path):
    ends = tuple(pod(f"six-{i}", i, family=6) for i in range(3))
    six = Service("six", "fd00:200::80", ends, load_balancer="2001:db8:96::80", node_port=30086)
    traffic = Traffic(Cluster((six,), family=6))
    traffic.spread(six)
    home = nodes(6)[1]
    traffic.connect(3, ("2001:db8::99", 45000), six, ends[2], (home.ip, 30086), home)
    hold(traffic, tmp_path)


def test_a_pod_address_used_again(tmp_path):
    old = replace(B, name="web-old", until=50.0)
    new = replace(B, name="web-new", since=60.0)
    web, later = replace(WEB, pods=(A, old, C)), replace(WEB, pods=(A, new, C))
    traffic = Traffic(Cluster((later,), others=(old,)))
    traffic.spread(web)
    for at, one in ((10, web), (40, web), (80, later), (100, later)):
        traffic.connect(at, (CLIENT, 40000 + at), one, one.pods[1], LB, N0)
    rows = hold(traffic, tmp_path)
    assert [r["pod"] for r in rows[-4:]] == ["default/web-old"] * 2 + ["default/web-new"] * 2


def test_a_pod_calls_its_own_service_and_gets_itself(tmp_path):
    traffic = Traffic(Cluster((WEB,)), all_interfaces=True)
    traffic.spread(WEB)
    traffic.connect(2, (A.ip, 40000), WEB, A, (WEB.ip, 80), N0)
    traffic.connect(3, (A.ip, 40001), WEB, B, (WEB.ip, 80), N0)
    rows = hold(traffic, tmp_path)[-2:]
    assert [(r["dest_ip"], r["hop"], r["source_nat"], r["label"]) for r in rows] == [
        (WEB.ip, "local", True, "direct"),
        (WEB.ip, "forwarded", False, "forwarded"),
    ]


def test_an_endpoint_on_the_hosts_network(tmp_path):
    hosts = tuple(replace(p, ip=p.node.ip, host_network=True) for p in (A, B))
    web = replace(WEB, pods=hosts)
    traffic = Traffic(Cluster((web,)))
    traffic.spread(web)
    hold(traffic, tmp_path)


def test_a_node_port_from_outside(tmp_path):
    traffic = Traffic(Cluster((WEB,)))
    traffic.spread(WEB)
    for i, to in enumerate((A, B, C)):
        traffic.connect(2 + i, (CLIENT, 40000 + i), WEB, to, (N1.ip, 30080), N1)
    hold(traffic, tmp_path)


def test_source_ranges(tmp_path):
    web = replace(WEB, ranges=("203.0.113.0/24", "71.246.124.0/24"))
    traffic = Traffic(Cluster((web,)))
    traffic.spread(web)
    traffic.connect(2, (CLIENT, 40000), web, B, LB, N0)
    traffic.connect(3, ("198.51.100.7", 40000), web, None, LB, N0)
    hold(traffic, tmp_path)


def test_local_policy_on_a_node_without_endpoint(tmp_path):
    web = replace(WEB, pods=(A, B), local=True)
    traffic = Traffic(Cluster((web,)))
    traffic.spread(web)
    traffic.connect(2, (CLIENT, 40000), web, None, LB, N2)
    traffic.connect(3, (CLIENT, 40001), web, None, (N2.ip, 30080), N2)
    traffic.connect(4, (CLIENT, 40002), web, A, (N0.ip, 30080), N0)
    hold(traffic, tmp_path)


def test_a_service_without_endpoints(tmp_path):
    empty = replace(WEB, name="empty", ip="10.200.0.82", load_balancer="20.185.96.82", node_port=30082, pods=())
    traffic = Traffic(Cluster((WEB, empty)))
    traffic.spread(WEB)
    traffic.connect(2, (CLIENT, 40000), empty, None, ("20.185.96.82", 80), N0)
    traffic.connect(3, (CLIENT, 40001), empty, None, (N1.ip, 30082), N1)
    hold(traffic, tmp_path)


def test_connections_that_nobody_answers(tmp_path):
    traffic = Traffic(Cluster((WEB,)))
    traffic.spread(WEB)
    for i in range(3):
        traffic.connect(2 + i, (CLIENT, 40000 + i), WEB, None, LB, N0, label="unlabelled", reason="ambiguous-endpoint")
        traffic.truths[-1].facts = {"service": "default/web", "ingress_node": "node-0"}
    assert [r["pod_ip"] for r in hold(traffic, tmp_path)[-3:]] == [None] * 3


def test_one_connection_translated_twice(tmp_path):
    traffic = Traffic(Cluster((WEB,)))
    traffic.spread(WEB)
    traffic.connect(2, (CLIENT, 40000), WEB, C, LB, N0, dead_attempt=B)
    traffic.connect(4, (CLIENT, 40001), WEB, B, LB, N0, dead_attempt=C)
    rows = hold(traffic, tmp_path)[-2:]
    assert [(r["pod"], r["evidence"]) for r in rows] == [("default/web-c", "stitched"), ("default/web-b", "stitched")]


def test_a_second_try_that_stays_on_its_node(tmp_path):
    traffic = Traffic(Cluster((WEB,)))
    traffic.spread(WEB)
    traffic.connect(2, (CLIENT, 40000), WEB, A, LB, N0, dead_attempt=B)
    hold(traffic, tmp_path)


def test_a_client_port_used_again_at_once(tmp_path):
    traffic = Traffic(Cluster((WEB,)))
    traffic.spread(WEB)
    for at, to in ((2, B), (3, A), (4, C), (5, B)):
        traffic.connect(at, (CLIENT, 40000), WEB, to, LB, N0)
    hold(traffic, tmp_path)


def test_two_services_share_an_endpoint(tmp_path):
    twin = replace(WEB, name="twin", ip="10.200.0.83", load_balancer="20.185.96.83", node_port=30083)
    traffic = Traffic(Cluster((WEB, twin)))
    traffic.spread(WEB)
    for i, (one, dial) in enumerate([(WEB, "20.185.96.80"), (twin, "20.185.96.83")] * 2):
        traffic.connect(2 + i, (CLIENT, 40000 + i), one, (A, B)[i // 2], (dial, 80), N0)
    assert [r["service"] for r in hold(traffic, tmp_path)[-4:]] == ["default/web", "default/twin"] * 2


def test_a_node_dials_a_service(tmp_path):
    traffic = Traffic(Cluster((WEB,)))
    traffic.spread(WEB)
    traffic.connect(2, (N0.ip, 40000), WEB, B, (WEB.ip, 80), N0)
    row = hold(traffic, tmp_path)[-1]
    assert [row[c] for c in ("client_ip", "client_port", "dest_ip", "dest_port")] == [None] * 4


def test_a_node_dials_a_service_and_gets_its_own_pod(tmp_path):
    traffic = Traffic(Cluster((WEB,)), all_interfaces=True)
    traffic.spread(WEB)
    traffic.connect(2, (N0.ip, 40000), WEB, A, (WEB.ip, 80), N0, label="unlabelled", reason="node-originated")
    hold(traffic, tmp_path)


def test_an_endpoint_that_is_terminating_still_serves(tmp_path):
    last = replace(A, is_terminating=True)  # kube-proxy keeps it where a node has no other
    web, local = (
        replace(WEB, pods=(last, B, C)),
        replace(WEB, name="local", ip="10.200.0.84", pods=(last, B), local=True),
    )
    local = replace(local, load_balancer="20.185.96.84", node_port=30084)
    traffic = Traffic(Cluster((web, local)))
    traffic.spread(web)
    traffic.connect(20, (CLIENT, 40000), local, last, ("20.185.96.84", 80), N0)
    traffic.connect(21, (CLIENT, 40001), web, last, LB, N1)
    rows = hold(traffic, tmp_path)[-2:]
    assert [(r["label"], r["pod"]) for r in rows] == [("direct", "default/web-a"), ("snat-forwarded", "default/web-a")]


def test_an_external_address(tmp_path):
    web = replace(WEB, external="198.51.100.80")
    traffic = Traffic(Cluster((web,)))
    traffic.spread(web)
    for i, to in enumerate((A, B)):
        traffic.connect(2 + i, (CLIENT, 40000 + i), web, to, ("198.51.100.80", 80), N0)
    assert [r["label"] for r in hold(traffic, tmp_path)[-2:]] == ["direct", "snat-forwarded"]
