"""The four recipes of CONTRIBUTING.md, each followed once: what it names is put into a copy of the tree, no more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INPUT_ROWS = {
    "| `hey-csv` | `hey -o csv URL` | requests | `client_requests`: the client's own count |\n": (
        "| `ab-gnuplot` | `ab -g FILE URL` | requests | the same |\n"
    ),
    "| `hey -o csv` | `hey-csv` | yes | |\n": "| `ab -g` | `ab-gnuplot` | yes | |\n",
}
COLUMN = {
    "-- column: flow_count BIGINT Flows joined into it.\n": (
        "-- column: is_small BOOLEAN Whether it has one packet only.\n"
    ),
    "  request_count,\n": "  packet_count = 1 AS is_small,\n",
}
LABEL = {
    "the CASE decides by it.\n": "-- label: at-home #112233 x Served on its node, on the Service's own port.\n",
    "affinity IN ('unknown', 'hidden') AND has_client_affinity THEN 'unlabelled'\n": (
        "      WHEN hop = 'local' AND pod_port = service_port THEN 'at-home'\n"
    ),
}
SECTION = {'[pod]\ntitle = "Pod"\nnone = "–"\n': '\n[seen_from]\ntitle = "Seen from"\n'}


def copy_of_the_project(folder):
    """The project as links to its files, to be added to and edited, and a small capture beside it."""
    for part in ("pipeline", "sql", "reports", "samples", "docs", "tests/formats"):
        shutil.copytree(ROOT / part, folder / part, copy_function=os.symlink)
    for file in (
        "pyproject.toml",
        "tests/conftest.py",
        "tests/imports.py",
        "tests/test_glossary.py",
        "tests/test_house.py",
    ):
        (folder / file).symlink_to(ROOT / file)
    shutil.copytree(ROOT / "samples" / "origin", folder / "peak")
    return folder


def follow(recipe, tree):
    """Add the files of a recipe's example."""
    shutil.copytree(HERE / recipe, tree, dirs_exist_ok=True)


def edit(path, **changes):
    """Put each text into a file, behind the text that `changes` names it after."""
    text = path.read_text()
    for place, added in changes.items():
        assert text.count(place) == 1
        text = text.replace(place, place + added)
    path.unlink()
    path.write_text(text)


def run(tree, *words):
    env = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask(tree, query):
    return json.loads(run(tree, "pipeline", "sql", query, "--format", "json"))


def pytest_in(tree, *words):
    run(tree, "pytest", "-q", "-n0", "-p", "no:cacheprovider", *words)


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A copy with a table, a column, a label and a section more, and one run: nothing of one is needed by another."""
    tree = copy_of_the_project(tmp_path_factory.mktemp("grown") / "tree")
    follow("table", tree)
    follow("section", tree)
    edit(tree / "reports" / "columns.toml", **SECTION)
    edit(tree / "sql" / "connections" / "connections.sql", **COLUMN, **LABEL)
    (tree / "summary.txt").write_text(run(tree, "pipeline", "run", "peak"))
    return tree


def test_an_input_form_is_one_module_and_what_proves_and_tells_of_it(tmp_path):
    tree = copy_of_the_project(tmp_path / "tree")
    follow("input-form", tree)
    edit(tree / "docs" / "reference" / "inputs.md", **INPUT_ROWS)
    pytest_in(tree, "tests/formats/test_every_form.py", "-k", "ab-gnuplot or named")
    shutil.copy(tree / "tests/formats/samples/ab-gnuplot/eight-requests.tsv", tree / "peak" / "requests.tsv")
    found = json.loads(run(tree, "pipeline", "inputs", "peak", "--format", "json"))
    assert ("requests.tsv", "ab-gnuplot") in [(f["file"], f["format"]) for f in found["files"]]
    run(tree, "pipeline", "ingest", "peak")
    assert ask(tree, "SELECT count(*) AS n, max(duration_us) AS longest FROM client_requests") == [
        {"n": 8, "longest": 28000}
    ]


def test_a_table_is_one_file(grown):
    assert "distribution_source_ports: one row per service and step" in run(grown, "pipeline", "sql", "--schema")
    (total,) = ask(grown, "SELECT sum(connection_count) AS n FROM distribution_source_ports WHERE run = 'peak'")
    assert total["n"] == 10
    assert list((grown / "lake" / "distribution_source_ports" / "run=peak").glob("*.parquet"))


def test_a_column_is_two_lines_of_its_tables_file(grown):
    assert "is_small                BOOLEAN  Whether it has one packet only." in run(
        grown, "pipeline", "sql", "--schema"
    )
    assert ask(grown, "SELECT is_small, count(*) AS n FROM connections GROUP BY ALL") == [{"is_small": True, "n": 10}]


def test_a_label_is_two_lines_of_one_file(grown):
    assert "at-home          30 % (3 of 10)" in (grown / "summary.txt").read_text()
    assert {r["label"] for r in ask(grown, "SELECT label FROM connections")} == {"at-home", "snat-forwarded"}
    report = (grown / "report.html").read_text()
    assert "--label-at-home: #112233;" in report
    assert '"var(--label-at-home)"' in report
    assert "Served on its node, on the Service&#39;s own port." in report


def test_a_section_is_one_folder(grown):
    report = (grown / "report.html").read_text()
    assert "From which address did the pods see their connections come?" in report
    assert "3 addresses stood before the pods; 10.220.1.6 was the busiest: 4 connections." in report


def test_the_house_takes_what_was_added(grown):
    pytest_in(grown, "tests/test_house.py", "-k", "distribution_source_ports or that_is_given")
