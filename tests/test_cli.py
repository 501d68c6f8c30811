"""What the command line says when something is wrong: one clear line, the documented exit code."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.test_run import NODE, SAMPLES, ask, hopscope

RULES = f"nodes/{NODE}/iptables.txt"


@pytest.fixture
def capture(tmp_path):
    """A copy of the five-column capture, to be broken."""
    return shutil.copytree(SAMPLES / "origin", tmp_path / "peak")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Where a lake is that holds the five-column capture, to be asked only."""
    folder = tmp_path_factory.mktemp("asked")
    hopscope("run", SAMPLES / "origin", cwd=folder)
    return folder


def one_line(done, *parts):
    """The error is one line with all the parts in it, and a hint; no traceback."""
    said = [line for line in done.stderr.splitlines() if line.startswith(("error:", "warning:"))]
    assert any(all(part in line for part in parts) for line in said), done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (("run", "nowhere"), 3, ("nowhere", "no such folder")),
        (("run", "."), 3, ("no file in it",)),
        (("run", SAMPLES), 3, (str(SAMPLES), "holds 3 captures: affinity, origin, single-pod")),
        (("run",), 2, ("CAPTURE",)),
        (("check", "--config", "no.toml"), 2, ("no.toml: the thresholds cannot be read: No such file or directory",)),
        (("rnu", "."), 2, ("rnu",)),
        (("run", ".", "--since", "yesterday"), 2, ("--since", "yesterday")),
        (("run", ".", "--node", "a"), 2, ("--node", "NAME=PATH")),
        (("sql", "SELECT 1"), 3, ("no run in this lake",)),
        (("report", "--run", "x"), 3, ("no run in this lake",)),
        (("run", SAMPLES / "origin", "-q", "--lake", "/dev/null"), 2, ("/dev/null",)),
        (("run", SAMPLES / "origin", "-q", "-o", "nowhere/report.html"), 2, ("nowhere/report.html",)),
    ],
)
def test_wrong_usage_and_missing_inputs(words, code, parts, tmp_path):
    done = hopscope(*words, cwd=tmp_path, code=code)
    assert done.stdout == ""
    one_line(done, *parts)


@pytest.mark.parametrize("verb", ["explain", "compare"])
def test_the_hint_leads_to_the_help_of_the_verb(verb, tmp_path):
    assert f"hint: see hopscope {verb} --help" in hopscope(verb, cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize(
    ("name", "hint"),
    [("default/test-app", "nearest: default/testapp"), ("web", "NAMESPACE/NAME"), ("default/testapp", "")],
)
def test_a_service_without_connections_is_named(name, hint, capture, tmp_path):
    done = hopscope("run", capture, "--service", name, cwd=tmp_path)
    assert (f"no connection to the Service '{name}'" in done.stderr) is bool(hint)
    assert hint in done.stderr


def test_a_capture_of_nothing_known_is_refused(tmp_path):
    (tmp_path / "peak").mkdir()
    (tmp_path / "peak" / "notes.txt").write_text("remember the milk\n")
    one_line(hopscope("run", "peak", cwd=tmp_path, code=3), "peak", "notes.txt", "no input form")


def test_strict_tells_rejected_lines_by_its_exit_code(capture, tmp_path):
    with (capture / f"nodes/{NODE}/capture.tsv").open("a") as f:
        f.write("71.2\t5\n")
    assert hopscope("run", capture, cwd=tmp_path, code=0)
    done = hopscope("run", capture, "--strict", cwd=tmp_path, code=4)
    one_line(done, "1 input line")
    assert ask("SELECT count(*) AS n FROM connections", tmp_path) == [{"n": 10}]
    assert ask("SELECT file, line_number, text FROM rejects", tmp_path) == [
        {"file": f"nodes/{NODE}/capture.tsv", "line_number": 11, "text": "71.2\t5"}
    ]


def test_a_link_to_nothing_is_named_and_the_rest_is_read(capture, tmp_path):
    (capture / "cluster" / "nodes.json").symlink_to(tmp_path / "gone.json")
    one_line(hopscope("run", capture, cwd=tmp_path), "cluster/nodes.json", "No such file")
    assert ask("SELECT count(*) AS n FROM connections", tmp_path) == [{"n": 10}]


def test_rules_without_kube_chains_are_named_and_labels_are_not_guessed(capture, tmp_path):
    (capture / RULES).write_text("*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n")
    done = hopscope("run", capture, cwd=tmp_path)
    one_line(done, RULES)
    assert ask("SELECT finding FROM findings WHERE finding = 'no-kube-chains'", tmp_path) == [
        {"finding": "no-kube-chains"}
    ]
    assert ask("SELECT count(*) AS n FROM connections WHERE label IN ('snat-forwarded', 'direct')", tmp_path) == [
        {"n": 0}
    ]
    dialled = "SELECT DISTINCT label, reason FROM connections WHERE dest_ip = '20.185.96.169'"
    assert ask(dialled, tmp_path) == [{"label": "unlabelled", "reason": "no-rules"}]


def test_without_rules_nothing_is_guessed(capture, tmp_path):
    (capture / RULES).unlink()
    hopscope("run", capture, cwd=tmp_path)
    rows = ask("SELECT label, reason, count(*) AS n FROM connections GROUP BY ALL", tmp_path)
    assert rows == [{"label": "unlabelled", "reason": "no-rules", "n": 10}]


@pytest.mark.parametrize(
    "query", ["DROP VIEW connections", "SELECT 1; SELECT 2", "COPY connections TO 'x.csv'", "SELECT nothing"]
)
def test_queries_that_are_wrong_or_write_are_refused(query, lake):
    done = hopscope("sql", query, cwd=lake, code=1)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("reach", ["read_text('/etc/hostname')", "read_csv('../*')", "glob('/*')"])
def test_queries_reach_no_file_outside_the_lake(reach, lake):
    done = hopscope("sql", f"SELECT * FROM {reach}", cwd=lake, code=1)
    assert "error: " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("way", ["argument", "stdin", "file"])
def test_a_query_that_is_no_utf8_is_refused_as_such(way, lake, tmp_path):
    text, file = b"SELECT '\xff'", tmp_path / "query.sql"
    file.write_bytes(text)
    words = {"argument": [text], "stdin": ["-"], "file": ["-f", file]}[way]
    command = [sys.executable, "-m", "pipeline", "sql", *words, "--lake", lake / "lake"]
    done = subprocess.run(command, input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert b"the query is no text in UTF-8" in done.stderr
