"""Every rule that `explain` cites stands in the dump, and following them leads to what is claimed."""

from __future__ import annotations

from random import Random

import pytest

from pipeline import resources
from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.explain import explain
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake
from tests.labels.replay import End, Packet, lines_of, own_addresses, rules_of, walk
from tests.labels.synthetic import Traffic
from tests.labels.synthetic_cluster import Cluster, Service, nodes, pod


def replayed(capture, folder, count):
    """Replay random connections of a capture; the verdicts met, and how many connections."""
    lake = Lake(folder / "lake")
    con = in_memory(open_lake(lake, Limits(), run_whole(Job(Capture(capture), lake), Window()).run))
    query = "SELECT connection_id FROM connections WHERE trace_id IS NOT NULL AND client_ip IS NOT NULL ORDER BY 1"
    ids = [i for (i,) in con.sql(query).fetchall()]
    ids = Random(1).sample(ids, min(count, len(ids)))
    dumps = {p.parent.name: p for p in capture.glob("nodes/*/iptables-save.txt")}
    texts = {str(p.relative_to(capture)): p.read_text().splitlines() for p in dumps.values()}
    whole = {node: rules_of(lines_of(p.read_text())) for node, p in dumps.items()}
    own = {node: own_addresses(p.with_name("ip-addr.json")) for node, p in dumps.items()}
    met: set[str] = set()
    for one in ids:
        story = explain(con, one)
        cited, claim = story["rules"], story["connection"]
        assert cited
        assert all(texts[r["file"]][r["line_number"] - 1] == r["text"] for r in cited)
        node = claim["ingress_node"]
        assert {r["file"] for r in cited} == {str(dumps[node].relative_to(capture))}
        packet = Packet(claim["client_ip"], claim["dest_ip"], claim["dest_port"], claim["protocol"], own[node])
        ends = walk(rules_of(once(cited)), packet)
        assert ends == walk(whole[node], packet), "what is not cited makes a difference"
        assert {f"{r['table_name']} {r['text']}" for r in cited} == whole[node].followed
        hold(claim, story["outcomes_allowed"], ends)
        met |= {e.verdict for e in ends}
    return met, len(ids)


def in_memory(con):
    """The same tables, read from the lake once for all stories."""
    for table in ("connections", "flows", "captures", "trace_steps", "decisions", "pods", "endpoints", "addresses"):
        con.execute(f"CREATE TABLE taken AS FROM {table}; DROP VIEW {table}; ALTER TABLE taken RENAME TO {table}")
    return con


def once(cited):
    """The cited lines with their tables, each once, in the order of the dump."""
    return [(r["table_name"], r["text"]) for r in {r["line_number"]: r for r in sorted(cited, key=place)}.values()]


def place(rule):
    return rule["line_number"]


def hold(claim, allowed, ends):
    """The claim is one of the ways the packet may fare, and the outcomes allowed are all of them."""
    assert {outcome(a) for a in allowed} == ends
    if claim["label"] == "dropped":
        assert {e.verdict for e in ends} <= {"DROP", "REJECT"}
    if claim["pod_ip"]:
        assert (claim["pod_ip"], claim["pod_port"]) in {e.target for e in ends}
    if claim["source_nat"] is not None:
        way = {e.masqueraded for e in ends if not claim["pod_ip"] or e.target[0] == claim["pod_ip"]}
        assert way == {claim["source_nat"]}


def outcome(allowed):
    if allowed["verdict"] in ("drop", "reject"):
        return End(allowed["verdict"].upper())
    return End("DNAT", (allowed["endpoint_ip"], allowed["endpoint_port"]), allowed["source_nat"])


def test_the_sample_replayed(tmp_path):
    assert replayed(resources.folder("samples") / "single-pod", tmp_path, 100) == ({"DNAT"}, 100)


def test_what_is_refused_or_dialled_otherwise_replayed(tmp_path):
    ends = pod("web-a", 0), pod("web-b", 1)
    web = Service("web", "10.200.0.80", ends, load_balancer="20.0.0.80", node_port=30080, ranges=("203.0.113.0/24",))
    local = Service("local", "10.200.0.81", ends, load_balancer="20.0.0.81", node_port=30081, local=True)
    empty = Service("empty", "10.200.0.82", (), load_balancer="20.0.0.82", node_port=30082)
    traffic = Traffic(Cluster((web, local, empty)), all_interfaces=True)
    first, second, third = nodes()
    traffic.spread(web)
    traffic.spread(local)
    traffic.connect(2, ("198.51.100.7", 40000), web, None, ("20.0.0.80", 80), first)
    traffic.connect(3, ("198.51.100.7", 40001), local, None, ("20.0.0.81", 80), third)
    traffic.connect(4, ("198.51.100.7", 40002), empty, None, (second.ip, 30082), second)
    traffic.connect(5, ("198.51.100.7", 40003), web, ends[1], (first.ip, 30080), first)
    traffic.connect(6, (ends[0].ip, 40004), web, ends[0], (web.ip, 80), first)
    traffic.connect(7, (ends[0].ip, 40005), local, ends[1], (local.ip, 80), first)
    traffic.write(tmp_path / "capture")
    count = len(traffic.truths)
    assert replayed(tmp_path / "capture", tmp_path, count) == ({"DNAT", "DROP", "REJECT"}, count)


@pytest.mark.shared
@pytest.mark.parametrize("scenario", ["default", "affinity-5tuple", "etp-local"])
def test_the_labs_replayed(scenario, shared, tmp_path):
    _, count = replayed(shared / "data" / "lab" / scenario / "run", tmp_path, 300)
    assert count == 300  # of each: with the sample's hundred a thousand
