"""The story of one connection: what was seen, what it became, what else was possible, and what is missing."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import duckdb
import pytest

from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.explain import explain
from pipeline.query.explain_text import render_text
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.schema import TABLES
from pipeline.store.lake import Lake
from tests.labels.synthetic import Traffic
from tests.labels.synthetic_cluster import Cluster, Service, nodes, pod

A, B, C = pod("web-a", 0), pod("web-b", 1), pod("web-c", 2)
N0, N1, N2 = nodes()
WEB = Service("web", "10.200.0.80", (A, B, C), load_balancer="20.185.96.80", node_port=30080)
STICKY = replace(WEB, name="sticky", ip="10.200.0.81", load_balancer="20.185.96.81", node_port=30081, affinity_s=60)
LB, STICKY_LB = ("20.185.96.80", 80), ("20.185.96.81", 80)
CLIENT = "71.246.124.10"


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    """The story of each scripted connection, by the client's port."""
    folder = tmp_path_factory.mktemp("explain")
    traffic = Traffic(Cluster((WEB, STICKY)))
    traffic.spread(WEB)
    traffic.spread(STICKY)
    traffic.connect(2, (CLIENT, 40001), WEB, B, LB, N0)
    traffic.connect(3, (CLIENT, 40002), WEB, A, LB, N0)
    traffic.connect(4, (CLIENT, 40003), WEB, C, LB, N0, dead_attempt=B)
    traffic.connect(10, (CLIENT, 40004), STICKY, B, STICKY_LB, N0, affinity="first")
    traffic.connect(12, (CLIENT, 40005), STICKY, B, STICKY_LB, N0, affinity="pinned")
    traffic.connect(14, (CLIENT, 40006), WEB, None, LB, N0, label="unlabelled", reason="ambiguous-endpoint")
    traffic.write(folder / "capture")
    lake = Lake(folder / "lake")
    con = open_lake(lake, Limits(), run_whole(Job(Capture(folder / "capture"), lake), Window()).run)
    ids = con.sql(f"SELECT client_port, connection_id FROM connections WHERE client_ip = '{CLIENT}'").fetchall()
    return {port: explain(con, one) for port, one in ids}


def exclusions(story):
    return {o["endpoint_ip"]: (o["is_chosen"], o["excluded_because"], o["node"]) for o in story["outcomes_allowed"]}


def test_each_leg_has_its_time_its_vantage_and_a_filter(stories):
    legs = stories[40001]["legs"]
    assert [(leg["leg"], leg["node"], leg["is_attempt"]) for leg in legs] == [
        ("ingress", "node-0", False),
        ("forward", "node-0", False),
        ("delivery", "node-1", False),
    ]
    assert all(leg["start_us"] and leg["file"] and leg["line_number"] and leg["display_filter"] for leg in legs)


def test_what_was_rewritten_and_whose_the_address_was_then(stories):
    story, connection = stories[40001], stories[40001]["connection"]
    assert story["rewrite"] == {
        "destination_before": "20.185.96.80:80",
        "destination_after": f"{B.ip}:8080",
        "source_before": f"{CLIENT}:40001",
        "source_after": f"{N0.ip}:{connection['snat_port']}",
        "source_nat": True,
    }
    assert (story["pod_then"]["pod"], story["pod_then"]["node"]) == ("default/web-b", "node-1")


def test_other_answers_are_excluded_by_the_leg_that_was_joined(stories):
    found = exclusions(stories[40001])
    forward = stories[40001]["legs"][1]["flow_id"]
    because = f"its post-NAT leg {forward} goes to {B.ip}:8080"
    assert found == {B.ip: (True, None, "node-1"), A.ip: (False, because, "node-0"), C.ip: (False, because, "node-2")}


def test_what_stayed_excludes_other_nodes_by_what_they_did_not_see(stories):
    found = exclusions(stories[40002])
    assert found[A.ip] == (True, None, "node-0")
    for one in (B, C):
        assert found[one.ip][1] == (
            f"node-0 and {one.node.name} captured no leg of it to there, but captured such legs of other connections"
        )


def test_an_attempt_before_is_kept_and_told(stories):
    attempts = [(leg["leg"], leg["dst_ip"]) for leg in stories[40003]["legs"] if leg["is_attempt"]]
    assert attempts == [("forward", B.ip), ("delivery", B.ip)]
    assert stories[40003]["connection"]["pod"] == "default/web-c"
    assert "a failed attempt" in render_text(stories[40003])


def test_affinity_is_told_with_the_connection_before(stories):
    assert stories[40005]["previous"]["connection_id"] == stories[40004]["connection"]["connection_id"]
    assert (stories[40005]["previous"]["earlier_s"], stories[40004]["previous"]) == (2.0, None)


def test_what_is_not_decided_excludes_nothing_and_says_what_is_missing(stories):
    assert {e for _, e, _ in exclusions(stories[40006]).values()} == {None}
    assert stories[40006]["rewrite"] is None
    assert stories[40006]["missing"]


@pytest.mark.parametrize("port", range(40001, 40007))
def test_the_words_hold_every_fact(port, stories):
    story = stories[port]
    text = render_text(story)
    facts = [story["connection"]["label"], story["label_means"], *story["missing"]]
    facts += [x for leg in story["legs"] for x in (leg["display_filter"], f"{leg['file']}:{leg['line_number']}")]
    facts += [f"{rule['file']}:{rule['line_number']}: {rule['text']}" for rule in story["rules"]]
    facts += [o["excluded_because"] for o in story["outcomes_allowed"] if o["excluded_because"]]
    assert [fact for fact in facts if fact not in text] == []
    assert "None" not in text


@pytest.mark.shared
@pytest.mark.tshark
def test_a_leg_s_filter_shows_its_packets_and_no_others(shared, tmp_path):
    lab, capture = shared / "data" / "lab" / "single-pod", tmp_path / "capture"
    for path in (lab / "pcap").glob("*.pcapng"):
        folder = capture / "nodes" / path.name.split(".")[0]
        folder.mkdir(parents=True)
        shutil.copyfile(path, folder / "eth0.pcapng")
    lake = Lake(tmp_path / "lake")
    con = open_lake(lake, Limits(), run_whole(Job(Capture(capture), lake), Window()).run)
    ids = con.sql("SELECT connection_id FROM connections WHERE flow_count > 1 ORDER BY 1 LIMIT 2").fetchall()
    assert ids
    for leg in (leg for (one,) in ids for leg in explain(con, one)["legs"]):
        command = ["tshark", "-n", "-r", capture / leg["file"], "-Y", leg["display_filter"]]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
        assert len(shown) == leg["packet_count"] + leg["reply_packet_count"]


def test_the_chosen_endpoint_is_on_the_node_that_the_label_names(stories):
    chosen = [(s, o) for s in stories.values() for o in s["outcomes_allowed"] if o["is_chosen"]]
    assert len(chosen) == 5
    assert all(outcome["node"] == story["connection"]["pod_node"] for story, outcome in chosen)


def test_an_endpoint_s_node_is_the_owner_of_its_address_when_the_connection_began():
    con = duckdb.connect()
    for table in TABLES.values():
        con.execute(f"CREATE TABLE {table.name} ({', '.join(f'{c.name} {c.type}' for c in table.columns)})")
    for number, start_us in enumerate((None, 5, 25)):
        con.execute(
            "INSERT INTO connections (connection_id, start_us, trace_id, ingress_node, dest_ip, dest_port, protocol) "
            f"VALUES ('{number}', {start_us or 'NULL'}, 't', 'n', '10.0.0.1', 80, 'tcp')"
        )
    con.execute(
        "INSERT INTO decisions (trace_id, node, dst_ip, dst_port, protocol, endpoint_ip) "
        "VALUES ('t', 'n', '10.0.0.1', 80, 'tcp', '10.1.0.9')"
    )
    con.execute(
        "INSERT INTO address_owners (ip, valid_from_us, valid_to_us, node) "
        "VALUES ('10.1.0.9', -1, 0, NULL), ('10.1.0.9', 0, 20, 'node-1'), ('10.1.0.9', 20, 90, 'node-2')"
    )
    con.execute("UPDATE connections SET label = 'unlabelled', evidence = 'unknown'")
    nodes = [explain(con, str(number))["outcomes_allowed"][0]["node"] for number in range(3)]
    assert nodes == [None, "node-1", "node-2"]
