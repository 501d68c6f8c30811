"""What is read only once, stdin and pipes, and what is told of files: whose node's they are, when their time began."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.cli.options import node_paths, time_zeros
from pipeline.config import Limits
from pipeline.errors import UsageError
from pipeline.ingest.capture import Capture
from pipeline.ingest.discover import discover
from pipeline.inputs import look_at

ROOT = Path(__file__).parent.parent
TEXT = "frame.time_relative\tip.src\tip.dst\tip.proto\n0.000001500\t10.0.0.1\t10.0.0.2\t6\n"


@pytest.mark.parametrize("verb", [["inputs", "-"], ["run", "-"], ["inputs", ".", "--node", "node-a=-"]])
def test_stdin_is_an_input(verb, tmp_path):
    command = [sys.executable, "-m", "pipeline", *verb, "--lake", str(tmp_path / "lake"), "--temp-dir", str(tmp_path)]
    done = subprocess.run(
        command,
        check=False,
        cwd=tmp_path,
        input=TEXT * 3,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "relative-times" in done.stdout + done.stderr or "have no time" in done.stderr
    assert not list(tmp_path.glob("hopscope-*"))  # the copy is gone


def test_a_pipe_is_an_input_of_the_node_that_is_told(tmp_path):
    (tmp_path / "capture").mkdir()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(TEXT,))
    writer.start()
    found = look_at(Capture(tmp_path / "capture", limits=Limits(temp_dir=tmp_path), nodes={"node-a": [pipe]}))
    writer.join()
    (file,) = found.files
    assert (file["file"], file["node"], file["kept_count"]) == ("node-a:pipe", "node-a", 1)


def test_a_terminal_is_no_stream(monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with pytest.raises(UsageError, match="nothing is piped"):
        discover(Capture(Path("-")))


def test_a_run_from_stdin_is_called_so():
    assert Capture(Path("-")).run_name == "stdin"


def test_files_that_are_told_a_node_are_not_read_as_anothers_too(tmp_path):
    for name in ("a/export.tsv", "b/export.tsv", "c.tsv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(TEXT + name.replace("/", "\t") + "\n")
    told = node_paths([f"node-a={tmp_path}/a/export.tsv", f"node-a={tmp_path}/b", f"node-b={tmp_path}/c.tsv"])
    found = discover(Capture(tmp_path, nodes=told))
    assert [(one.source.name, one.source.node) for one in found] == [
        ("node-a:export.tsv", "node-a"),
        ("node-a:export.tsv (2)", "node-a"),
        ("node-b:c.tsv", "node-b"),
    ]


def test_what_relative_times_count_from_is_told_by_file(tmp_path):
    (tmp_path / "node-a.tsv").write_text(TEXT)
    zeros = time_zeros(["node-a.tsv=2023-11-14T22:13:20.5Z"])
    (file,) = look_at(Capture(tmp_path, zeros=zeros)).files
    assert (file["first_us"], file["findings"]) == (1_700_000_000_500_001, [])


@pytest.mark.parametrize("words", ["x.tsv=yesterday", "2023-11-14T22:13:20Z", "x.tsv=22:13:20"])
def test_a_zero_that_is_no_time_says_so(words):
    with pytest.raises(UsageError, match="--time-zero"):
        time_zeros([words])


def test_a_zero_for_a_file_that_is_not_there_says_so(tmp_path):
    (tmp_path / "node-a.tsv").write_text(TEXT)
    with pytest.raises(UsageError, match=r"'b\.tsv'.* not among"):
        discover(Capture(tmp_path, zeros={"b.tsv": "1.0"}))
