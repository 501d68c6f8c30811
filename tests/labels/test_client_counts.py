"""The client's own count held against what was captured: more answered than captured means something was missed."""

from __future__ import annotations

import pytest

from tests.labels.database import Row, built

S = 1_000_000
FILES = [
    {"capture_id": "p", "file": "eth0.tsv", "first_us": 100 * S, "last_us": 200 * S},
    {"capture_id": "c", "file": "client.json"},
]


def request(port: int | None = None, at: float | None = None, status: int = 200, **more: object) -> Row:
    ends = {"client_ip": "1.1.1.1", "client_port": port, "server_ip": "2.2.2.2", "server_port": 80} if port else {}
    return {"capture_id": "c", "ts_us": at and int(at * S), "duration_us": 1000, "status": status} | ends | more


def counts(requests: list[Row], seen: tuple[int, ...] = (), in_captures: int | None = None) -> list[tuple[int, int]]:
    """(request_count, captured_count), with these client ports in the captures, or this many requests."""
    ends = {"src_ip": "1.1.1.1", "dst_ip": "2.2.2.2", "dst_port": 80}
    given = {
        "captures": FILES,
        "client_requests": requests,
        "directed_flows": [ends | {"src_port": p} for p in seen]
        or [{"src_ip": "9.9.9.9", **dict.fromkeys(("src_port", "dst_port"), 1), "dst_ip": "9"}],
        "connections": [{"connection_id": "x", "service": "n/s", "request_count": in_captures}],
    }
    return [(r["request_count"], r["captured_count"]) for r in built("client_request_counts", given)]


def test_ports_that_no_capture_has_were_not_captured():
    assert counts([request(1), request(2), request(3)], seen=(1, 3)) == [(3, 2)]


def test_a_client_whose_address_is_not_seen_tells_nothing():
    assert counts([request(1), request(2)]) == []


@pytest.mark.parametrize(("in_captures", "expected"), [(3, [(4, 3)]), (9, [(4, 9)]), (None, [])])
def test_without_ports_requests_are_counted_if_the_export_does(in_captures, expected):
    assert counts([request() for _ in range(4)], in_captures=in_captures) == expected


@pytest.mark.parametrize("one", [request(status=0), request(at=99), request(at=100.0001), request(at=201)])
def test_requests_without_an_answer_or_outside_of_the_capture_do_not_count(one):
    assert counts([one, request(at=150)], in_captures=0) == [(1, 0)]
