"""Clocks of nodes: how far apart they are is told by packets that both saw, and times are compared on one clock."""

from __future__ import annotations

from random import Random

import pytest

from tests.labels.database import Row, built

S = 1_000_000


def sighting(node: str, port: int, start_us: int, back_us: int | None, **more: object) -> Row:
    """A TCP conversation as one node saw it."""
    return {
        "node": node, "protocol": "tcp", "src_ip": "c", "src_port": port, "dst_ip": "p", "dst_port": 80,
        "start_us": start_us, "end_us": start_us, "synack_us": back_us, "tcp_tsval": port, "tcp_isn": port,
        "first_ip_id": port, "packet_count": 3, "reply_packet_count": 3,
    } | more  # fmt: skip


def seen_on_two(offsets: list[int], *, there: int = 100, back: int = 300, noise: int = 0) -> list[Row]:
    """One connection each, from node `a` to node `b`, whose clock is ahead by its offset."""
    random, rows = Random(3), []
    for i, offset in enumerate(offsets, 1):
        start, late = 1000 * S + i * S, random.randrange(noise + 1)
        rows.append(sighting("a", i, start, start + there + back + late + 10))
        rows.append(sighting("b", i, start + there + offset + late, start + there + offset + late + 10))
    return rows


def apart(rows: list[Row]) -> Row:
    [pair] = built("clock_offsets", {"directed_flows": rows})
    return pair


def test_the_offset_is_wrong_by_at_most_half_the_round_trip():
    random, rows, truths = Random(7), list[Row](), {}
    for n in range(100, 200):  # a hundred pairs of nodes, each with its own clocks and ways
        offset, count, there, back = (random.randrange(*r) for r in ((-3 * S, 3 * S), (1, 40), (0, 5000), (0, 5000)))
        truths[f"a{n}"] = offset, there + back, count
        rows += [
            r | {"node": f"{r['node']}{n}", "src_ip": f"c{n}"}
            for r in seen_on_two([offset] * count, there=there, back=back)
        ]
    pairs = built("clock_offsets", {"directed_flows": rows})
    assert len(pairs) == len(truths)
    for pair in pairs:
        offset, round_trip, count = truths[pair["node"]]
        assert abs(pair["offset_us"] - offset) <= round_trip / 2 + 1
        assert (pair["round_trip_us"], pair["spread_us"], pair["sample_count"]) == (round_trip, 0, count)


def test_packets_held_up_on_the_way_do_not_count():
    assert apart(seen_on_two([2 * S] * 50, there=100, back=100, noise=S))["offset_us"] == pytest.approx(
        2 * S, abs=60_000
    )


def test_where_no_answer_was_seen_the_way_there_is_all_there_is():
    rows = [row | {"synack_us": None} for row in seen_on_two([S] * 3)]
    assert (apart(rows)["offset_us"], apart(rows)["round_trip_us"]) == (S + 100, None)


def test_without_timestamps_the_syn_s_number_or_the_ip_id_tells_the_packet():
    without = {"tcp_tsval": None}, {"tcp_tsval": None, "tcp_isn": None}
    for lost in without:
        assert apart([row | lost for row in seen_on_two([S] * 3)])["offset_us"] == pytest.approx(S, abs=200)


@pytest.mark.parametrize("other", [{"src_port": 999}, {"tcp_tsval": 999}, {"dst_ip": "q"}, {"start_us": None}])
def test_another_packet_tells_nothing(other):
    first, second = seen_on_two([S])
    assert built("clock_offsets", {"directed_flows": [first, second | other]}) == []


def test_one_request_and_one_answer_of_udp_are_there_and_back():
    packets = {"protocol": "udp", "tcp_tsval": None, "tcp_isn": None, "packet_count": 1, "reply_packet_count": 1}
    rows = [row | packets | {"end_us": row["synack_us"], "synack_us": None} for row in seen_on_two([-S] * 3)]
    assert (apart(rows)["offset_us"], apart(rows)["round_trip_us"]) == (-S - 100, 400)


def offset(node: str, other: str, seconds: float, spread: int = 0) -> Row:
    return {"node": node, "other_node": other, "offset_us": int(seconds * S), "spread_us": spread}


def test_all_clocks_are_held_against_the_one_in_the_middle():
    rows = built(
        "clock_corrections", {"clock_offsets": [offset("a", "b", 2), offset("a", "c", -1.3), offset("b", "c", -3.3)]}
    )
    assert {r["node"]: r["clock_offset_us"] for r in rows} == {"a": 0, "b": 2 * S, "c": -1_300_000}


def findings(*pairs: Row) -> list[tuple[object, object]]:
    rows = built("capture_findings", {"clock_offsets": pairs, "handshake_loss": [NO_LOSS]})
    return [(r["node"], r["message"]) for r in rows if r["finding"].startswith("clock")]


NO_LOSS = {"capture_id": "x", "expected_count": 1, "missing_count": 0}


def test_clocks_apart_are_reported_once_a_node():
    assert findings(offset("a", "b", 2), offset("a", "c", 0.01), offset("b", "c", -1.99)) == [
        ("b", "the clock of b is 1.99 s ahead of that of c")
    ]
    assert findings(offset("a", "b", 0.05)) == []


def test_a_clock_set_meanwhile_is_compared_with_none():
    pairs = offset("a", "b", 2, spread=7 * S), offset("a", "c", 0), offset("b", "c", 2, spread=7 * S)
    assert {r["node"] for r in built("clock_corrections", {"clock_offsets": pairs})} == {"a", "c"}
    assert findings(*pairs) == [
        ("b", "the clock of b moved by 7.0 s or more against those of other nodes while packets were captured")
    ]


@pytest.mark.parametrize("distribution", ["distribution_times", "distribution_pod_times"])
def test_what_began_at_once_is_in_one_bucket_though_clocks_are_apart(distribution):
    ahead = {"a": 0, "b": 2 * S, "c": -1_300_000}
    began = [{"connection_id": n, "node": n, "start_us": 1000 * S + 50_000 + late} for n, late in ahead.items()]
    given = {
        "connections": [{k: r[k] for k in ("connection_id", "start_us")} | SERVED for r in began],
        "captures": [{"capture_id": r["connection_id"], "node": r["node"]} for r in began],
        "clock_corrections": [{"node": n, "clock_offset_us": late} for n, late in ahead.items()],
    }
    assert [(r["bucket_us"], r["connection_count"]) for r in built(distribution, given)] == [(1000 * S, 3)]


SERVED = {"service": "n/s", "pod": "n/p", "label": "direct", "ingress_node": "a"}
