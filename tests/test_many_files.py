"""What goes on while many files are read: several tsharks at once, and a line that says how far it is."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.config import Limits
from pipeline.diagnostics import Progress
from pipeline.formats.source import LineBlock
from pipeline.ingest.capture import Capture
from pipeline.ingest.delimited import Delimited
from pipeline.inputs import look_at
from pipeline.store.duckdb_engine import connect
from tests.conftest import lacking

ROOT = Path(__file__).parent.parent
CAPTURE = ROOT / "tests" / "formats" / "samples" / "pcap" / "crafted.pcap"
# Notes when it begins and ends, and takes its time in between.
SLOW_TSHARK = """#!/bin/sh
[ "$1" = --version ] && exec {tshark} --version
echo + >> {log}
sleep 0.3
{tshark} "$@"
code=$?
echo - >> {log}
exit $code
"""


def captures(folder: Path, count: int) -> Path:
    for n in range(count):
        node = folder / "nodes" / f"node-{n}"
        node.mkdir(parents=True)
        shutil.copy(CAPTURE, node / "eth0.pcap")
    return folder


@pytest.mark.tshark
@pytest.mark.parametrize("threads", [1, 2])
def test_as_many_tsharks_work_at_once_as_there_are_threads(threads, tmp_path, monkeypatch):
    if not (tshark := shutil.which("tshark")):
        lacking("no tshark")
    log, slow = tmp_path / "log", tmp_path / "bin" / "tshark"
    slow.parent.mkdir()
    slow.write_text(SLOW_TSHARK.format(log=log, tshark=tshark))
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    spare = tmp_path / "spare"
    spare.mkdir()
    found = look_at(Capture(captures(tmp_path / "capture", 4), limits=Limits(threads=threads, temp_dir=spare)))
    assert [f["kept_count"] for f in found.files] == [39] * 4
    running = [0]
    for sign in log.read_text().split():
        running.append(running[-1] + (1 if sign == "+" else -1))
    assert (max(running), running[-1], len(running)) == (threads, 0, 9)
    assert not list(spare.iterdir())


def test_without_tshark_the_command_that_is_told_makes_an_export_that_is_read(tmp_path, monkeypatch):
    if not shutil.which("tshark"):
        lacking("no tshark")
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "tshark" else which(name))
    (file,) = look_at(Capture(captures(tmp_path / "capture", 1))).files
    (finding,) = file["findings"]
    assert finding["finding"] == "unreadable-file"
    command = finding["remedy"].partition("run: ")[2].replace("FILE.tsv", "eth0.tsv").replace("FILE", str(CAPTURE))
    (tmp_path / "elsewhere").mkdir()
    subprocess.run(["sh", "-c", command], cwd=tmp_path / "elsewhere", check=True, capture_output=True)
    (file,) = look_at(Capture(tmp_path / "elsewhere")).files
    assert (file["kept_count"], file["rejected_count"]) == (39, 0)


def test_progress_tells_file_and_whole_rate_and_time(monkeypatch):
    now = iter([10.0, 10.5, 14.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    shown = Progress(2, 40_000_000, started=10.0)
    shown.file("a.tsv", 10_000_000, lambda: 0)
    assert shown.text() == "1 of 2 files: a.tsv 0%, all 0%"
    shown.file("b.tsv", 30_000_000, lambda: 15_000_000)
    assert shown.text() == "2 of 2 files: b.tsv 50%, all 62%"
    assert shown.text() == "2 of 2 files: b.tsv 50%, all 62%, 6.2 MB/s, about 0:00:02 left"


def whatever_comes(terminal: int) -> bytes:
    """All that is written to a terminal until its other end is closed."""
    found = b""
    while True:
        try:
            found += os.read(terminal, 1 << 12)
        except OSError:
            return found


@pytest.mark.parametrize(("words", "is_shown"), [([], True), (["-q"], False)])
def test_progress_is_drawn_on_a_terminal_only_and_not_when_quiet(words, is_shown, tmp_path):
    folder = tmp_path / "capture"
    folder.mkdir()
    lines = "".join(f"10.0.0.{n % 250}\t{n % 60000}\n" for n in range(60_000))
    (folder / "node-a.tsv").write_text("ip.src_host\ttcp.srcport\n" + lines)
    command = [sys.executable, "-m", "pipeline", "inputs", str(folder), "--format", "json", *words]
    reader, terminal = pty.openpty()
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(whatever_comes, reader)
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=terminal, check=True, timeout=120)
        os.close(terminal)
        drawn = read.result()
    os.close(reader)
    assert json.loads(done.stdout)["files"][0]["kept_count"] == 60_000
    assert (b"1 of 1 files: node-a.tsv" in drawn) is is_shown
    assert drawn.endswith(b"\r\x1b[K") is is_shown


class Overtaken(Delimited):
    """Reads a file while another thread finds, in another, the same column to be loose."""

    def _read_csv(self, data, uneven, loose):
        self.loose.add("n")
        return super()._read_csv(data, uneven, loose)


def test_a_piece_is_read_at_once_though_another_thread_found_its_column_loose_meanwhile():
    read = Overtaken(["n"], {"n": "INTEGER"}, "\t").read(connect(Limits()), LineBlock(1, b"1\n2\nthree\n4\n"))
    assert read is not None
    rows, bad = read
    assert rows["line_number"].to_pylist() == [1, 2, 3, 4]
    assert rows["n"].to_pylist() == [1, 2, None, 4]
    assert bad.tolist() == [False, False, True, False]
