"""The lake under bad luck: killed writers, two writers, more and other inputs under one name."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pipeline import resources
from pipeline.config import Keep, Limits, Window
from pipeline.errors import InputError
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.schema import TABLES
from pipeline.store.lake import Lake

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = resources.folder("samples") / "single-pod"
FRESH = "fresh"


def job(lake: Path, capture: Path, run: str) -> Job:
    return Job(Capture(capture), Lake(lake), run)


def start(lake: Path, run: str) -> subprocess.Popen[str]:
    """A process of its own that runs a small sample."""
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "run",
        SAMPLE.with_name("origin"),
        "--lake",
        lake,
        "--run",
        run,
        "-o",
        lake / "report.html",
    ]
    environment = os.environ | {"PYTHONPATH": str(resources.folder("sql").parent)}
    return subprocess.Popen(
        list(map(str, command)), env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )


def content(lake: Path, run: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of a run, by table, without the run's name."""
    con = open_lake(Lake(lake), Limits(), run)
    return {t: con.sql(f"SELECT * EXCLUDE (run) FROM {t} ORDER BY ALL").fetchall() for t in TABLES}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A lake that holds the sample as one run, made at once."""
    lake = tmp_path_factory.mktemp("whole") / "lake"
    run_whole(job(lake, SAMPLE, FRESH), Window())
    return lake


@pytest.fixture
def capture(tmp_path):
    """The sample without its last node, and what was left out of it."""
    folder, away = tmp_path / "capture", tmp_path / "away"
    shutil.copytree(SAMPLE, folder)
    last = max((folder / "nodes").iterdir())
    shutil.move(last, away)
    return folder, away, last


def test_one_more_node_is_the_only_one_read_and_all_is_as_if_made_at_once(capture, whole, tmp_path, monkeypatch):
    folder, away, last = capture
    lake = tmp_path / "lake"
    run_whole(job(lake, folder, FRESH), Window())
    shutil.move(away, last)
    read = []
    monkeypatch.setattr("pipeline.ingest.reader.detail", read.append)
    run_whole(job(lake, folder, FRESH), Window())
    assert [line.split()[1] for line in read if line.startswith("reading") and "eth0" in line] == [
        f"nodes/{last.name}/eth0.tsv.gz"
    ]
    assert content(lake, FRESH) == content(whole, FRESH)


def test_a_changed_dump_is_read_again_and_packets_are_not(capture, tmp_path, monkeypatch):
    folder, _, _ = capture
    lake = tmp_path / "lake"
    run_whole(job(lake, folder, "changed"), Window())
    dump = min((folder / "nodes").glob("*/iptables-save.txt"))
    dump.write_text(dump.read_text().replace("--probability", "--probability  "))
    read = []
    monkeypatch.setattr("pipeline.ingest.reader.detail", read.append)
    run_whole(job(lake, folder, "changed"), Window())
    again = [line.split()[1] for line in read if line.startswith("reading")]
    assert str(dump.relative_to(folder)) in again
    assert not any("eth0" in name for name in again)


def test_other_options_read_all_again(capture, tmp_path, monkeypatch):
    folder, _, _ = capture
    lake = tmp_path / "lake"
    run_whole(job(lake, folder, "o"), Window())
    read = []
    monkeypatch.setattr("pipeline.ingest.reader.detail", read.append)
    run_whole(Job(Capture(folder, keep_packets=Keep.NONE), Lake(lake), "o"), Window())
    assert sum("eth0" in line and line.startswith("reading") for line in read) == 2
    assert not Lake(lake).files("o")["packets"]


def test_a_process_killed_at_any_moment_leaves_what_was_there_and_the_next_one_finishes(tmp_path):
    lake, began = tmp_path / "lake", time.monotonic()
    start(lake, FRESH).communicate()
    took, before = time.monotonic() - began, content(lake, FRESH)
    for share in (0.7, 0.95):
        process = start(lake, "killed")
        try:
            process.communicate(timeout=share * took)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert {m.run for m in Lake(lake).runs()} in ({FRESH}, {FRESH, "killed"})
        assert content(lake, FRESH) == before
    last = start(lake, "killed")
    last.communicate()
    assert last.returncode == 0
    assert content(lake, "killed") == before
    assert not list(lake.glob(".staging-*"))


# Writes a run of two tables, and is killed at the nth thing that it does to the file system.
WRITER = """
import os, shutil, signal, sys
from pathlib import Path
from pipeline.store.lake import Lake
from pipeline.store.manifest import Manifest

def counted(act):
    def step(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*args, **kwargs)
    return step

left = int(sys.argv[2])
for name in ("rename", "replace", "mkdir", "rmdir", "write_text"):
    setattr(Path, name, counted(getattr(Path, name)))
shutil.rmtree = counted(shutil.rmtree)
with Lake(Path(sys.argv[1])).stage(Manifest("r", {"file": sys.argv[3]})) as folder:
    for table in ("flows", "packets"):
        (folder / table).mkdir()
        (folder / table / "part.parquet").write_text(sys.argv[3])
print(left)
"""


def written(lake: Path) -> set[str]:
    """What the files of the run `r` hold, by those who read it; with the hash that its manifest names."""
    found = [m.inputs["file"] for m in Lake(lake).runs()]
    return {*found, *(p.read_text() for paths in Lake(lake).files().values() for p in paths)}


def test_a_writer_killed_at_any_step_leaves_one_whole_run(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(resources.folder("sql").parent)}

    def write(steps: int, text: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WRITER, str(lake), str(steps), text]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    lake = tmp_path / "lake"
    total = 1000 - int(write(1000, "old").stdout)
    before = {"old"}
    for steps in (*range(6), *range(6, total - 6, 37), *range(total - 6, total + 1)):
        code = write(steps, f"new {steps}").returncode
        assert code == (-signal.SIGKILL if steps < total else 0)
        after = written(lake)
        assert after in (before, {f"new {steps}"})
        before = after
    assert after == {f"new {total}"}
    assert {p.name for p in lake.iterdir()} == {"_runs", ".lock", *TABLES}


def test_a_commit_cut_in_the_middle_is_finished_by_the_next_reader(whole, tmp_path):
    lake = tmp_path / "lake"
    shutil.copytree(whole, lake)
    commit = lake / f".commit-run={FRESH}"
    commit.mkdir()
    (lake / "_runs" / f"{FRESH}.json").rename(commit / "manifest.json")
    moved = sorted(TABLES)[::2]
    for table in moved:
        if (lake / table).exists():
            (lake / table / f"run={FRESH}").rename(commit / table)
    assert content(lake, FRESH) == content(whole, FRESH)
    assert not commit.exists()


def test_a_second_writer_says_that_it_waits_and_then_does_its_work(whole, tmp_path):
    lake = tmp_path / "lake"
    shutil.copytree(whole, lake)
    with (lake / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start(lake, "second")
        said = process.stderr.readline()
        assert "another hopscope is writing" in said
        assert process.poll() is None
    process.communicate()
    assert process.returncode == 0
    assert {m.run for m in Lake(lake).runs()} == {FRESH, "second"}


def test_a_lake_whose_tables_had_other_columns_says_what_to_do(whole, tmp_path, capsys):
    lake = tmp_path / "lake"
    shutil.copytree(whole, lake)
    path = lake / "_runs" / f"{FRESH}.json"
    path.with_stem("good").write_text(path.read_text().replace(f'"run": "{FRESH}"', '"run": "good"'))
    known = json.loads(path.read_text())

    path.write_text(json.dumps(known | {"shapes": known["shapes"] | {"results": "other"}}))
    with pytest.raises(InputError, match="other columns") as told:
        open_lake(Lake(lake), Limits(), FRESH)
    assert f"hopscope label --run {FRESH}" in told.value.hint
    open_lake(Lake(lake), Limits())
    assert "left out" in capsys.readouterr().err
    Lake(lake).link_inputs(FRESH, tmp_path / "inputs")

    del known["shapes"]
    path.write_text(json.dumps(known))
    with pytest.raises(InputError, match="other columns") as told:
        Lake(lake).link_inputs(FRESH, tmp_path / "again")
    assert "hopscope run CAPTURE" in told.value.hint


def test_a_lake_on_a_file_system_without_links_is_copied(whole, tmp_path, monkeypatch):
    lake = tmp_path / "lake"
    shutil.copytree(whole, lake)
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError("no links here")))
    before = Lake(lake).run(FRESH)
    Lake(lake).link_inputs(before.run, tmp_path / "elsewhere")
    assert sorted(p.name for p in (tmp_path / "elsewhere/packets").rglob("*.parquet"))
