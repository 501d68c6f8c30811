"""Conntrack dumps as a data source: an entry with a time decides, one without a time only confirms."""

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
    "payload_bytes": 9,
    "rst_count": 0,
    "is_on_ingress_node": True,
    "start_us": 10 * S,
    "end_us": 11 * S,
}


def entry(pod_ip: str, second: int | None = 10, event: str | None = "NEW") -> Row:
    reply = {"reply_src_ip": pod_ip, "reply_src_port": 8080, "reply_dst_ip": "n", "reply_dst_port": 9}
    return SOCKETS | reply | {"ts_us": second and second * S, "event": event}


def results(*entries: Row, post_nat: Row | None = None) -> list[tuple[object, object]]:
    """Endpoint and evidence of the ingress leg, with these entries and perhaps a leg after NAT."""
    legs = [LEG | {"syn_count": 1, "synack_count": 1}]
    legs += [] if post_nat is None else [legs[0] | {"flow_number": "f-2", "leg": "forward"} | post_nat]
    given = called(legs)
    given["client_socket_context"] = [
        row | {"src_node": None, "rules_node": "a"} for row in given["client_socket_context"]
    ]
    members = [
        {
            "flow_number": leg["flow_number"], "connection_key": 1, "has_fingerprint": True,
            "is_post_nat": leg["leg"] == "forward",
            "has_ingress": True, "post_nat_rank": 0, "leg_rank": 1, "corrected_start_us": 10 * S,
        }
        for leg in legs
    ]  # fmt: skip
    anchors = [row | {"connection_key": 1} for row in given["legs"][:1]]
    given |= {"conntrack": entries, "connection_anchors": anchors, "connection_members": members}
    return [(r["dst_ip"], r["join_evidence"]) for r in built("nat_results", given)]


def after_nat(pod_ip: str) -> Row:
    """The leg that the entry of this pod is about, after NAT."""
    return {"src_ip": "n", "src_port": 9, "dst_ip": pod_ip, "dst_port": 8080}


def test_an_entry_in_the_time_of_the_leg_decides():
    assert results(entry("p")) == [("p", "conntrack")]
    assert results(entry("p"), entry("q", 20), entry("r", 1)) == [("p", "conntrack")]


def test_a_listing_without_a_time_confirms_and_decides_nothing():
    assert results(entry("p", None, None)) == [(None, None)]
    assert results(entry("p", None, None), post_nat=after_nat("p")) == [("p", "conntrack")]
    assert results(entry("q", None, None), post_nat=after_nat("p")) == [("p", "stitched")]


def test_two_translations_at_one_time_decide_nothing():
    assert results(entry("p"), entry("q")) == []


def test_an_entry_that_ended_or_is_no_translation_decides_nothing():
    assert results(entry("p", event="DESTROY")) == []
    assert results(entry("s") | {"reply_src_port": 80}) == []


def event(at: float, client: str, pod_ip: str, source: str, port: int) -> str:
    """A line of `conntrack -E -o timestamp,extended`."""
    sockets = f"src={client} dst=20.185.96.80 sport=40000 dport=80"
    reply = f"src={pod_ip} dst={source} sport=8080 dport={port}"
    return f"[{BEGIN + at:.6f}]\t    [NEW] ipv4     2 tcp      6 120 SYN_SENT {sockets} [UNREPLIED] {reply}\n"


def test_a_contradicting_entry_is_reported_and_nothing_is_claimed(tmp_path):
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
    assert found[0][2].startswith(f"{rows[1]['connection_id']}: conntrack shows")
