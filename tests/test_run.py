"""The main job on real captures, held against what is known to be true."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import resources

DATA = Path(__file__).parent / "data"
SAMPLES = resources.folder("samples")
NODE = "aks-nodepool1-23454376-vmss000001"


def hopscope(*words: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line in `cwd` and hold it to its exit code."""
    command = [sys.executable, "-m", "pipeline", *map(str, words)]
    environment = {"PYTHONPATH": str(resources.folder("sql").parent), "PATH": "/usr/bin:/bin", "COLUMNS": "100"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def ask(query: str, cwd: Path) -> list[dict[str, object]]:
    """Rows of a query over the lake in `cwd`."""
    return json.loads(hopscope("sql", query, "--format", "json", cwd=cwd).stdout)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A folder with a lake that holds the run of the five-column capture."""
    folder = tmp_path_factory.mktemp("origin")
    hopscope("run", SAMPLES / "origin", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def single_pod(tmp_path_factory):
    """A folder with a lake that holds the run of the three-node capture."""
    folder = tmp_path_factory.mktemp("single-pod")
    hopscope("run", SAMPLES / "single-pod", cwd=folder)
    return folder


def test_the_five_column_capture_is_labelled_as_it_was_by_hand(origin):
    counts = ask("SELECT label, evidence, snat_ip, count(*) AS n FROM connections GROUP BY ALL ORDER BY ALL", origin)
    assert [(r["label"], r["evidence"], r["snat_ip"], r["n"]) for r in counts] == [
        ("direct", "addresses", None, 3),
        ("snat-forwarded", "assumed", "10.220.1.4", 3),
        ("snat-forwarded", "assumed", "10.220.1.6", 4),
    ]


def test_its_service_and_pod_are_named_and_hidden_clients_are_not_made_up(origin):
    rows = ask("SELECT * FROM connections", origin)
    assert {(r["service"], r["pod"]) for r in rows} == {("default/testapp", "default/testapp-6f7947bc4b-x7427")}
    hidden = [r for r in rows if r["label"] == "snat-forwarded"]
    assert {(r["client_ip"], r["client_port"], r["dest_ip"]) for r in hidden} == {(None, None, None)}
    assert sorted(r["snat_port"] for r in hidden) == [1222, 5473, 25185, 36522, 37406, 41753, 59377]
    assert {r["ingress_node"] for r in rows if r["label"] == "direct"} == {NODE}


def test_the_missing_chain_is_named_and_its_decision_not_called_certain(origin):
    (row,) = ask(
        "SELECT DISTINCT certain, uncertain_because, endpoint_ip FROM decisions WHERE dst_ip = '20.185.96.169'", origin
    )
    assert row["certain"] is False
    assert "KUBE-FW-K4VUERBNKSOP4S25" in str(row["uncertain_because"])
    assert {r["reason"] for r in ask("SELECT reason FROM connections WHERE label = 'direct'", origin)} == {
        "uncertain-rules"
    }


def test_a_node_list_turns_assumed_into_addresses(tmp_path):
    capture = shutil.copytree(SAMPLES / "origin", tmp_path / "origin")
    nodes = [("vmss000000", "10.220.1.4"), (NODE, "10.220.1.5"), ("vmss000002", "10.220.1.6")]
    items = [
        {"kind": "Node", "metadata": {"name": n}, "status": {"addresses": [{"type": "InternalIP", "address": ip}]}}
        for n, ip in nodes
    ]
    (capture / "cluster" / "nodes.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    hopscope("run", capture, cwd=tmp_path)
    rows = ask(
        "SELECT label, evidence, ingress_node, count(*) AS n FROM connections GROUP BY ALL ORDER BY ALL NULLS LAST",
        tmp_path,
    )
    assert [(r["label"], r["evidence"], r["ingress_node"], r["n"]) for r in rows] == [
        ("direct", "addresses", NODE, 3),
        ("snat-forwarded", "addresses", "vmss000000", 3),
        ("snat-forwarded", "addresses", "vmss000002", 4),
    ]


def test_every_connection_of_three_nodes_is_found_once_and_right(single_pod):
    columns = ("client_ip", "client_port", "label", "hop", "source_nat", "ingress_node", "service", "pod", "pod_node")
    rows = ask(
        f"SELECT {', '.join(columns)}, snat_ip, snat_port FROM connections WHERE service IS NOT NULL", single_pod
    )
    found = sorted(tuple(str(r[c]) for c in columns) for r in rows)
    with (DATA / "single-pod-truth.csv").open(newline="") as f:
        truth = list(csv.DictReader(f))
    label = {"direct_snat": ("direct", "local"), "forwarded_snat": ("snat-forwarded", "forwarded")}
    assert len(truth) == 900
    assert found == sorted(
        (t["client_ip"], t["client_port"], *label[t["path"]], "True", t["ingress_node"], t["service"],
         f"default/{t['pod']}", t["pod_node"])
        for t in truth
    )  # fmt: skip
    forwarded = {(t["client_port"], t["snat_ip"], t["snat_port"]) for t in truth if t["path"] == "forwarded_snat"}
    assert {(str(r["client_port"]), r["snat_ip"], str(r["snat_port"])) for r in rows if r["snat_ip"]} == forwarded


def test_every_label_leads_to_rules_that_stand_in_the_dump(single_pod):
    steps = ask(
        "SELECT DISTINCT file, line_number, text FROM trace_steps JOIN connections USING (run, trace_id)", single_pod
    )
    assert steps
    for step in steps:
        lines = (SAMPLES / "single-pod" / str(step["file"])).read_text().splitlines()
        assert lines[int(str(step["line_number"])) - 1] == step["text"]


def test_of_a_dump_that_ends_early_nothing_is_said_with_certainty(tmp_path):
    capture = shutil.copytree(SAMPLES / "single-pod", tmp_path / "single-pod")
    dump = min((capture / "nodes").glob("*/iptables-save.txt"))
    dump.write_text(dump.read_text()[: dump.stat().st_size // 2])
    assert "the dump ends early" in hopscope("run", capture, cwd=tmp_path).stderr
    services = "SELECT label, count(*) AS n FROM connections WHERE dest_ip = '20.185.96.169' GROUP BY ALL ORDER BY 1"
    assert ask(services, tmp_path) == [{"label": "snat-forwarded", "n": 603}, {"label": "unlabelled", "n": 297}]


def test_rows_read_are_kept_or_rejected(single_pod):
    (row,) = ask("SELECT sum(row_count) AS r, sum(kept_count) + sum(rejected_count) AS k FROM captures", single_pod)
    assert row["r"] == row["k"]
    (packets,) = ask(
        "SELECT (SELECT count(*) FROM packets) AS n, sum(kept_count) AS k FROM captures WHERE kind = 'packets'",
        single_pod,
    )
    assert packets["n"] == packets["k"]


def test_two_runs_of_one_input_are_equal_to_the_byte(single_pod, tmp_path):
    hopscope("run", SAMPLES / "single-pod", "--threads", 1, cwd=tmp_path)
    assert (tmp_path / "report.html").read_bytes() == (single_pod / "report.html").read_bytes()
    for table in ("connections", "flows", "decisions", "trace_steps", "rules", "packets"):
        query = f"SELECT * FROM {table} ORDER BY ALL"
        assert ask(query, tmp_path) == ask(query, single_pod), table


def test_the_same_in_steps_gives_the_same(single_pod, tmp_path):
    hopscope("ingest", SAMPLES / "single-pod", cwd=tmp_path)
    assert ask("SELECT count(*) AS n FROM connections", tmp_path) == [{"n": 0}]
    hopscope("label", cwd=tmp_path)
    hopscope("report", "-o", "stepwise.html", cwd=tmp_path)
    assert ask("SELECT * FROM connections ORDER BY ALL", tmp_path) == ask(
        "SELECT * FROM connections ORDER BY ALL", single_pod
    )
    assert (tmp_path / "stepwise.html").read_bytes() == (single_pod / "report.html").read_bytes()


@pytest.mark.parametrize("dump", ["*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", None], ids=["filter only", "no dump"])
def test_where_endpoints_are_not_known_a_pod_that_is_dialled_may_be_one(dump, tmp_path):
    capture = shutil.copytree(SAMPLES / "origin", tmp_path / "origin")
    (rules,) = capture.glob("nodes/*/iptables.txt")
    rules.unlink()
    if dump:
        (rules.parent / "iptables-save.txt").write_text(dump)
    hopscope("run", capture, cwd=tmp_path)
    labels = ask("SELECT DISTINCT label, reason FROM connections", tmp_path)
    assert labels == [{"label": "unlabelled", "reason": "no-rules"}]


def test_the_same_input_again_is_not_done_again_and_other_input_is_refused(origin, tmp_path):
    again = hopscope("run", SAMPLES / "origin", cwd=origin)
    assert "the inputs and options have not changed; the run is kept" in again.stderr
    other = hopscope("run", SAMPLES / "single-pod", "--run", "origin", cwd=origin, code=2)
    assert "was made from other inputs" in other.stderr
    assert "--run" in other.stderr


def test_service_and_time_cut_connections_and_their_flows(single_pod, tmp_path):
    (times,) = ask("SELECT median(start_us)::BIGINT AS half FROM connections", single_pod)
    half = f"{int(str(times['half'])) / 1e6:.6f}"
    when = subprocess.run(
        ["date", "-u", "-d", f"@{half}", "+%Y-%m-%dT%H:%M:%S.%6NZ"], capture_output=True, text=True, check=True
    )
    text = when.stdout.strip()
    hopscope(
        "run",
        SAMPLES / "single-pod",
        "--since",
        text,
        "--service",
        "default/testapp",
        "--keep-packets",
        "none",
        cwd=tmp_path,
    )
    (row,) = ask(
        "SELECT count(*) AS n, min(start_us) AS first, count(DISTINCT service) AS s FROM connections", tmp_path
    )
    assert (row["n"], row["s"]) == (450, 1)
    assert int(str(row["first"])) >= int(str(times["half"]))
    assert ask("SELECT count(*) AS n FROM flows WHERE connection_id IS NULL", tmp_path) == [{"n": 0}]
    assert ask("SELECT count(*) AS n FROM packets", tmp_path) == [{"n": 0}]


def test_a_time_in_which_nothing_starts_says_when_connections_start(single_pod, tmp_path):
    cut = hopscope("run", SAMPLES / "single-pod", "--since", "2100-01-01T00:00:00Z", cwd=tmp_path)
    assert "none of the 900 connections starts between --since and --until" in cut.stderr
    assert "they start from 2026-" in cut.stderr
    whole = hopscope("run", SAMPLES / "single-pod", cwd=tmp_path)
    assert "its labels are replaced" in whole.stderr
    assert "none of the" not in whole.stderr
    assert "replaced" not in hopscope("run", SAMPLES / "single-pod", cwd=tmp_path).stderr


def test_runs_are_listed_and_removed(origin):
    hopscope("run", SAMPLES / "origin", "--run", "second", cwd=origin)
    assert hopscope("runs", cwd=origin).stdout.split() == ["origin", "second"]
    hopscope("runs", "--delete", "second", cwd=origin)
    assert hopscope("runs", cwd=origin).stdout.split() == ["origin"]


@pytest.mark.shared
def test_the_scoring_tool_finds_single_pod_right(single_pod, shared):
    table = hopscope("sql", "SELECT * FROM connections", "--format", "csv", "-o", "connections.csv", cwd=single_pod)
    assert table.stdout == ""
    tool, truth = shared / "tools" / "score_lab.py", shared / "data" / "lab" / "single-pod" / "truth.csv"
    score = subprocess.run(
        [sys.executable, tool, truth, single_pod / "connections.csv"], capture_output=True, text=True, check=False
    )
    assert score.stdout.splitlines()[-1].startswith("holds"), score.stdout
