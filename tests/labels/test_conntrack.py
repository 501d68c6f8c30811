"""Connection tracking as a witness: it tells where it has a time, and only confirms where it has none."""

from __future__ import annotations

from tests.labels.database import Row, built

S = 1_000_000
SOCKETS = {"node": "a", "protocol": "tcp", "src_ip": "c", "src_port": 5, "dst_ip": "s", "dst_port": 80}
LEG = SOCKETS | {
    "flow_id": "f-1",
    "leg": "ingress",
    "anchor_rank": 1,
    "rules_node": "a",
    "start_us": 10 * S,
    "end_us": 11 * S,
}


def entry(pod_ip: str, second: int | None = 10, event: str | None = "NEW") -> Row:
    reply = {"reply_src_ip": pod_ip, "reply_src_port": 8080, "reply_dst_ip": "n", "reply_dst_port": 9}
    return SOCKETS | reply | {"ts_us": second and second * S, "event": event}


def told(*entries: Row) -> list[tuple[object, object]]:
    rows = built("translations", {"stitches": [LEG], "conntrack": entries})
    return [(r["pod_ip"], r["is_timed"]) for r in rows]


def test_an_event_in_the_leg_s_time_tells():
    assert told(entry("p")) == [("p", True)]
    assert told(entry("p"), entry("q", 20), entry("r", 1)) == [("p", True)]


def test_a_listing_tells_without_a_time():
    assert told(entry("p", None, None)) == [("p", False)]


def test_two_translations_in_one_time_tell_nothing():
    assert told(entry("p"), entry("q")) == []


def test_what_ended_or_is_no_translation_tells_nothing():
    assert told(entry("p", event="DESTROY")) == []
    assert told(entry("s") | {"reply_src_port": 80}) == []
