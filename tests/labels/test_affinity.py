"""Session affinity: first, pinned, expired, or moved and why; each against its client's previous connection there."""

from __future__ import annotations

import pytest

from tests.labels.database import Row, built

S = 1_000_000
CLOCKS = {"clock_corrections": [{"node": "z", "clock_offset_us": 0}]}
NO_LEGS = {
    "legs": [{"client_socket_number": 0, "leg": "forward", "start_us": 0, "syn_count": 1, "synack_count": 1}],
    "client_socket_context": [{"client_socket_number": 0, "rules_node": None, "protocol": "tcp"}],
}
OLD, NEW = "10.1.0.1", "10.1.0.2"


def went(
    second: int, client: str, pod_ip: str | None, node: str = "a", timeout: int = 600, least: int | None = None
) -> Row:
    """A connection of one Service at that second."""
    return {
        "connection_id": f"{second:05}-{client}-{node}",
        "min_affinity_s": least or timeout, "max_affinity_s": timeout, "rules_node": node, "src_ip": client,
        "protocol": "tcp", "service": "n/s", "service_port": 80, "pod_ip": pod_ip, "pod_port": 8080,
        "corrected_start_us": second * S, "leg": "ingress",
    }  # fmt: skip


def ruled(ip: str) -> Row:
    return {"node": "a", "protocol": "tcp", "service": "n/s", "endpoint_ip": ip, "endpoint_port": 8080}


def sliced(ip: str, *, ready: bool = True) -> Row:
    return {"protocol": "tcp", "service": "n/s", "ip": ip, "port": 8080, "ready": ready}


def judged(*outcomes: Row, **tables: object) -> list[tuple[object, object]]:
    """Affinity and its reason of the client `x`, in order."""
    rows = built(
        "affinity_results",
        {
            "decisions": [ruled(OLD), ruled(NEW)],
            "connection_outcomes": outcomes,
            **NO_LEGS,
            **CLOCKS,
        }
        | tables,
    )
    return [(r["affinity"], r["affinity_reason"]) for r in rows if "-x-" in str(r["connection_id"])]


def others(count: int, first: int = 10) -> list[Row]:
    """As many other clients, one after another, at the old endpoint."""
    return [went(first + i, f"c{i}", OLD) for i in range(count)]


def test_the_previous_connection_counts_not_any_before():
    found = judged(went(1, "x", OLD), went(2, "x", NEW), went(3, "x", OLD), went(4, "x", OLD))
    assert [a for a, _ in found] == ["first", "moved", "moved", "pinned"]


def test_a_client_on_another_node_is_new_there():
    found = judged(went(1, "x", OLD), went(2, "x", NEW, node="b"), went(3, "x", OLD))
    assert found == [("first", None), ("first", "other-node"), ("pinned", None)]


@pytest.mark.parametrize(
    ("gap", "pod", "expected"), [(600, OLD, "pinned"), (601, OLD, "expired"), (601, NEW, "expired")]
)
def test_the_timeout_runs_from_first_packet_to_first_packet(gap, pod, expected):
    assert judged(went(1, "x", OLD), went(1 + gap, "x", pod))[1] == (expected, None)


def test_where_the_one_before_went_is_not_known_nothing_is_claimed():
    assert judged(went(1, "x", None), went(2, "x", OLD))[1] == ("unknown", None)
    assert judged(went(1, "x", OLD), went(2, "x", None))[1] == ("unknown", None)


def test_a_move_that_nothing_explains_says_so():
    assert judged(went(1, "x", OLD), went(2, "x", NEW))[1] == ("moved", "unexplained")


@pytest.mark.parametrize(
    "tables",
    [
        {"decisions": [ruled(NEW)]},
        {"endpoints": [sliced(NEW)]},
        {"endpoints": [sliced(NEW), sliced(OLD, ready=False)]},
        {"pods": [{"pod": "n/old", "ip": OLD, "valid_to_us": 1 * S}]},
    ],
)
def test_an_endpoint_gone_from_rules_slices_or_pods_is_the_cause(tables):
    assert judged(went(1, "x", OLD), went(5, "x", NEW), **tables)[1] == ("moved", "endpoint-gone")


@pytest.mark.parametrize(
    "tables",
    [
        {"decisions": []},
        {"decisions": [ruled("10.1.0.9")]},
        {"endpoints": [sliced("10.1.0.9")]},
        {"pods": [{"pod": "n/old", "ip": OLD, "valid_to_us": 1 * S}, {"pod": "n/again", "ip": OLD}]},
    ],
)
def test_rules_or_slices_that_know_neither_endpoint_prove_nothing(tables):
    assert judged(went(1, "x", OLD), went(5, "x", NEW), **tables)[1] == ("moved", "unexplained")


@pytest.mark.parametrize(("count", "expected"), [(99, "unexplained"), (100, "list-overflow")])
def test_a_hundred_other_clients_push_one_out(count, expected):
    found = judged(went(1, "x", OLD), *others(count), went(500, "x", NEW))
    assert found[1] == ("moved", expected)


def test_only_clients_in_between_at_that_endpoint_and_node_push():
    assert judged(*others(60), went(200, "x", OLD), *others(60, first=300), went(500, "x", NEW))[1][1] == "unexplained"
    assert judged(went(1, "x", OLD), *others(60), *others(60, first=100), went(500, "x", NEW))[1][1] == "unexplained"
    elsewhere = [row | {"pod_ip": NEW} for row in others(120)], [row | {"rules_node": "b"} for row in others(120)]
    for rows in elsewhere:
        assert judged(went(1, "x", OLD), *rows, went(500, "x", NEW))[1][1] == "unexplained"


def dump(*clients: str) -> list[Row]:
    return [
        {"node": "a", "capture_id": "f", "list_name": "KUBE-SEP-O", "line_number": i, "ip": c}
        for i, c in enumerate(clients)
    ]


@pytest.mark.parametrize(
    ("clients", "expected"),
    [
        (["c0", *(f"d{i}" for i in range(99))], ("moved", "list-overflow")),
        (["c0", *(f"d{i}" for i in range(98))], ("unknown", "witnesses-disagree")),
        (["c0", "x", *(f"d{i}" for i in range(98))], ("moved", "unexplained")),
        ([f"d{i}" for i in range(100)], ("moved", "unexplained")),
    ],
    ids=["full without it", "not full", "full with it", "from before the last client"],
)
def test_a_dump_of_a_full_list_without_the_client_proves_it(clients, expected):
    rule = {"node": "a", "chain": "KUBE-SEP-O", "target": "DNAT", "spec": f"-p tcp -j DNAT --to-destination {OLD}:8080"}
    found = judged(
        went(1, "x", OLD), went(2, "c0", OLD), went(3, "x", NEW), rules=[rule], recent_clients=dump(*clients)
    )
    assert found[1] == expected


@pytest.mark.parametrize(
    ("gap", "least", "expected"),
    [(50, 60, "pinned"), (61, 60, "unknown"), (600, 60, "unknown"), (601, 60, "expired"), (50, 0, "unknown")],
)
def test_between_what_rules_and_objects_say_of_the_time_nothing_is_claimed(gap, least, expected):
    found = judged(*(went(t, "x", OLD) | {"min_affinity_s": least} for t in (1, 1 + gap)))
    assert found[1] == (expected, "settings-differ" if expected == "unknown" else None)


def began(second: int) -> list[Row]:
    return [{"node": "a", "capture_id": "f", "kind": "packets", "first_us": second * S}]


@pytest.mark.parametrize(("second", "expected"), [(600, "capture-start"), (601, None)])
def test_a_client_s_first_may_have_had_one_before_the_capture(second, expected):
    assert judged(went(second, "x", OLD), captures=began(0)) == [("first", expected)]
    assert judged(went(second, "x", OLD)) == [("first", None)]


RULE = {"node": "a", "chain": "KUBE-SEP-O", "target": "DNAT", "spec": f"-p tcp -j DNAT --to-destination {OLD}:8080"}
VISITS = [went(1, "x", OLD), went(2, "c0", OLD), went(3, "x", OLD)]


@pytest.mark.parametrize(
    ("clients", "rules", "expected"),
    [
        (["c0", "x"], [RULE], [("first", None), ("pinned", None)]),
        (["c9"], [RULE], [("first", None), ("pinned", None)]),
        (["x"], [RULE], [("first", None), ("pinned", None)]),
        (["c1"], [RULE], [("unknown", "witnesses-disagree")] * 2),
        (["c1"], [RULE, RULE | {"chain": "KUBE-SEP-P"}], [("first", None), ("pinned", None)]),
        (["c1", *(f"d{i}" for i in range(99))], [RULE], [("first", None), ("pinned", None)]),
    ],
    ids=[
        "agrees",
        "from before",
        "agrees though c0 is gone",
        "recent_list_conflicts",
        "endpoint of two lists",
        "full list",
    ],
)
def test_a_list_that_does_not_remember_a_client_contradicts_the_packets(clients, rules, expected):
    visits = [*VISITS, went(4, "c1", OLD)]
    assert judged(*visits, rules=rules, recent_clients=dump(*clients)) == expected
