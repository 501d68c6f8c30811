"""Connection tracking as a witness: it tells where it has a time, and only confirms where it has none."""

from __future__ import annotations

from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake
from tests.labels.database import Row, built, called
from tests.labels.synthetic import Traffic
from tests.labels.synthetic_cluster import BEGIN, Cluster, Service, nodes, pod

S = 1_000_000
SOCKETS = {"node": "a", "protocol": "tcp", "src_ip": "c", "src_port": 5, "dst_ip": "s", "dst_port": 80}
LEG = SOCKETS | {
    "flow_number": "f-1",
    "leg": "ingress",
    "is_on_ingress_node": True,
    "start_us": 10 * S,
    "end_us": 11 * S,
}


def entry(pod_ip: str, second: int | None = 10, event: str | None = "NEW") -> Row:
    reply = {"reply_src_ip": pod_ip, "reply_src_port": 8080, "reply_dst_ip": "n", "reply_dst_port": 9}
    return SOCKETS | reply | {"ts_us": second and second * S, "event": event}


def told(*entries: Row) -> list[tuple[object, object]]:
    rows = built("conntrack_nat", called([LEG]) | {"conntrack": entries, "connection_anchors": called([LEG])["legs"]})
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


def event(at: float, client: str, pod_ip: str, source: str, port: int) -> str:
    """A line of `conntrack -E -o timestamp,extended`."""
    sockets = f"src={client} dst=20.185.96.80 sport=40000 dport=80"
    reply = f"src={pod_ip} dst={source} sport=8080 dport={port}"
    return f"[{BEGIN + at:.6f}]\t    [NEW] ipv4     2 tcp      6 120 SYN_SENT {sockets} [UNREPLIED] {reply}\n"


def test_a_witness_that_contradicts_is_told_of_and_nothing_is_claimed(tmp_path):
    home, _, _ = nodes()
    ends = pod("web-a", 0), pod("web-b", 1), pod("web-c", 2)
    web = Service("web", "10.200.0.80", ends, load_balancer="20.185.96.80", node_port=30080)
    traffic = Traffic(Cluster((web,)))
    for i, client in enumerate(("71.0.0.1", "71.0.0.2", "71.0.0.3")):
        traffic.connect(2 + i, (client, 40000), web, ends[1], ("20.185.96.80", 80), home)
    traffic.write(tmp_path / "capture")
    (_, agreed), (_, other_pod) = (t.snat for t in traffic.truths[:2])
    (tmp_path / "capture" / "nodes" / home.name / "conntrack.txt").write_text(
        event(2, "71.0.0.1", ends[1].ip, home.ip, agreed) + event(3, "71.0.0.2", ends[2].ip, home.ip, other_pod)
    )
    lake = Lake(tmp_path / "lake")
    con = open_lake(lake, Limits(), run_whole(Job(Capture(tmp_path / "capture"), lake), Window()).run)
    rows = con.sql("FROM connections ORDER BY start_us").to_dicts()
    assert [(r["label"], r["evidence"], r["reason"], r["pod_ip"]) for r in rows] == [
        ("snat-forwarded", "conntrack", None, ends[1].ip),
        ("unlabelled", "unknown", "witnesses-disagree", None),
        ("snat-forwarded", "stitched", None, ends[1].ip),
    ]
    assert rows[1]["candidates"] == f"{ends[1].ip}:8080 (packets), {ends[2].ip}:8080 (conntrack)"
    found = con.sql("SELECT finding, node, message FROM findings WHERE finding = 'witnesses-disagree'").fetchall()
    assert [f[:2] for f in found] == [("witnesses-disagree", "node-0")]
    assert found[0][2].startswith(f"{rows[1]['connection_id']}: conntrack says")
