"""Packets half rewritten on a bridge, connections from before, another node's view: nothing is claimed beyond them."""

from __future__ import annotations

import pytest

from tests.labels.database import Row, built, called
from tests.labels.synthetic import Traffic, Truth, View
from tests.labels.synthetic_check import hold
from tests.labels.synthetic_cluster import Cluster, Service, nodes, pod

S = 1_000_000
A, B, C = pod("web-a", 0), pod("web-b", 1), pod("web-c", 2)
N0, N1, N2 = nodes()
WEB = Service("web", "10.200.0.80", (A, B, C), load_balancer="20.185.96.80", node_port=30080)
LB = ("20.185.96.80", 80)
TO_B = (B.ip, WEB.target_port)


@pytest.mark.parametrize("seen", [{"cbr0", "eth0"}, {"cbr0"}])
def test_a_bridge_shows_the_endpoint_before_it_shows_the_new_source(seen, tmp_path):
    client = (A.ip, 40000)
    traffic = Traffic(Cluster((WEB,)), all_interfaces=True)
    traffic.connect(2, client, WEB, B, LB, N0)
    for at, view, back, packet in list(traffic._seen):
        if view.node == N0 and view.target == TO_B:
            traffic._seen.append((at - 1e-5, View(N0, "cbr0", client, TO_B), back, packet))
    kept = [s for s in traffic._seen if s[1].node == N0 and (s[1].target == LB or s[1].interface in seen)]
    traffic._seen = kept
    [row] = hold(traffic, tmp_path)
    assert row["source_nat"] is True
    assert (row["snat_ip"] == N0.ip) == ("eth0" in seen)


def test_that_it_stayed_is_not_told_by_another_node(tmp_path):
    client, dialled = (C.ip, 40000), (N0.ip, WEB.node_port)
    traffic = Traffic(Cluster((WEB,)))
    traffic.spread(WEB)
    traffic._exchange(2, [View(N2, "eth0", client, dialled)], 77, 1, 0.02)
    facts = {"hop": "local", "source_nat": True, "service": WEB.full_name, "ingress_node": N0.name, "pod_ip": A.ip}
    traffic.truths.append(Truth(2, client, dialled, None, facts, "unlabelled", "capture-incomplete"))
    hold(traffic, tmp_path)


def conversation(flow: str, isn: int | None, synacks: int) -> Row:
    seqs = {
        f"{side}_{end}_{kind}": 7 for side in ("lower", "upper") for end in ("first", "last") for kind in ("seq", "ack")
    }
    tsvals = None if isn is None else "5"
    counts = {"lower_syns": int(isn is not None), "upper_syns": 0, "lower_synacks": 0, "upper_synacks": synacks}
    more = {
        "isn": isn,
        "tsval": isn and 5,
        "syn_tsvals": tsvals,
        "synack_seq": 9,
        "synack_ack": 8,
        "lower_port": 1,
        "upper_port": 80,
    }
    return (
        {"flow_number": flow, "protocol": "tcp"} | seqs | counts | more | {"lower_last_seq": 100, "upper_last_seq": 200}
    )


@pytest.mark.parametrize(("isn", "synacks", "expected"), [(1, 1, 5), (1, 0, 5), (None, 0, 4), (None, 2, 2)])
def test_where_only_answers_were_seen_the_last_may_be_of_another_connection(isn, synacks, expected):
    rows = [conversation("f", isn, synacks), conversation("w", 99, 1)]  # two, so that no column is of unknown type
    built_rows = built("packet_fingerprints", {"all_conversations": rows})
    fingerprints = [row for row in built_rows if row["flow_number"] == "f"]
    assert len(fingerprints) == expected


def leg(flow: str, isn: int | None) -> Row:
    return {
        "flow_number": flow, "leg": "ingress", "node": "a", "interface": None, "protocol": "tcp", "src_ip": "c",
        "src_port": 1, "dst_ip": "s", "dst_port": 80, "start_us": 0, "synack_count": 1, "payload_bytes": 9,
        "tcp_isn": isn,
    }  # fmt: skip


@pytest.mark.parametrize(("isns", "exact"), [((5, 5), True), ((5, None), True), ((5, 6), False)])
def test_what_joins_two_syns_joins_nothing(isns, exact):
    legs = [leg(str(i), isn) for i, isn in enumerate(isns)]
    components = [{"flow_number": leg["flow_number"], "component": "r"} for leg in legs]
    groups = built("leg_groups", called(legs) | {"fingerprint_components": components})
    assert {group["has_fingerprint"] for group in groups} == {exact}


def socket(spec: str, protocol: str | None = "tcp") -> set[tuple[object, ...]]:
    rows = built("server_sockets", {"rules_in_use": [{"spec": spec, "protocol": protocol}], "rule_servers": NOBODY})
    return {(r["protocol"], r["ip"], r["port"]) for r in rows if r["ip"] != "0"}


NOBODY = [{"protocol": "tcp", "ip": "0", "port": 0}]


def test_an_endpoint_of_the_rules_is_a_server():
    assert socket("-p tcp -m tcp -j DNAT --to-destination 10.1.0.5:8080") == {("tcp", "10.1.0.5", 8080)}
    assert socket("-p udp -j DNAT --to-destination [fd00::5]:53", "udp") == {("udp", "fd00::5", 53)}
    assert socket("meta l4proto tcp dnat to 10.1.0.5:8080") == {("tcp", "10.1.0.5", 8080)}
    assert len(socket("-j DNAT --to-destination 10.1.0.5:8080", None)) == 3
    assert socket("-j DNAT --to-destination 10.1.0.5") == socket("-s 10.0.0.0/8 -j KUBE-MARK-MASQ") == set()


@pytest.mark.parametrize(("answers", "missing"), [(3, 1), (0, 0)])
def test_a_direction_that_was_never_seen_was_not_lost(answers, missing):
    one = {
        "capture_id": "f", "protocol": "tcp", "flagged_packets": 4, "lower_packets": 4, "upper_packets": answers,
        "lower_syns": 1, "upper_syns": 0, "lower_synacks": 0, "upper_synacks": 0, "isn": 5, "lower_first_seq": 6,
    }  # fmt: skip
    assert [r["missing_count"] for r in built("handshake_loss", {"conversations": [one]})] == (
        [missing] if missing else []
    )


def stitch(key: str, leg: str, **more: object) -> Row:
    return {
        "connection_key": key, "protocol": "udp", "leg": leg, "node": "a", "rules_node": "a",
        "src_ip": "c", "src_port": 5, "dst_ip": "s", "dst_port": 53, "src_node": None, "dst_node": None,
        "source_class": 1, "tcp_isn": None, "corrected_start_us": 50 * S,
        "start_us": 50 * S, "end_us": 50 * S, "is_clock_corrected": True,
        "is_post_nat": False, "has_fingerprint": False, "has_ingress": leg == "ingress", "has_post_nat": False,
    } | more  # fmt: skip


@pytest.mark.parametrize(
    ("stray", "expected"),
    [
        ({}, ["i"]),
        ({"dst_node": "b"}, ["i"]),
        ({"dst_node": "a"}, []),  # a kubelet asks its own node's pods
        ({"src_node": "b"}, []),
        ({"dst_port": 80}, []),
        ({"has_fingerprint": True}, []),
    ],
)
def test_rules_may_be_older_than_the_pods_that_a_node_sends_to(stray, expected):
    other = stitch("x", "unknown", src_ip="a", src_node="a", dst_ip="new", dst_port=8053) | stray
    rule = {"node": "a", "protocol": "udp", "dst_ip": "s", "dst_port": 53, "source_class": 1}
    decisions = [rule | {"endpoint_ip": "old", "endpoint_port": 8053}]
    found = built(
        "unmatched_legs",
        {"connection_legs": [stitch("i", "ingress", dst_node="a", src_node="z"), other], "decisions": decisions},
    )
    assert [r["connection_key"] for r in found] == expected


def drifted(policy: str) -> list[tuple[object, object]]:
    """What of one Service has drifted: its rules have an endpoint that is gone, its slices one that is new."""
    base = {"node": "a", "service": "n/s", "protocol": "tcp", "endpoint_ip": "old", "endpoint_port": 80}
    given = {
        "decisions": [base | {"dst_ip": ip, "dst_port": 80} for ip in ("cluster", "balancer")],
        "endpoints": [{"service": "n/s", "ip": "new", "node": "a", "protocol": "tcp", "port": 80}],
        "services": [{"service": "n/s", "external_traffic_policy": policy}],
        "service_ports": [{"service": "n/s", "kind": "cluster-ip", "ip": "cluster", "port": 80, "protocol": "tcp"}],
    }
    return sorted((r["dst_ip"], r["is_local_policy"]) for r in built("stale_rules", given))


def test_local_policy_keeps_its_node_though_its_rules_are_old():
    assert drifted("Cluster") == [("balancer", False), ("cluster", False)]
    assert drifted("Local") == [("balancer", True), ("cluster", False)]
