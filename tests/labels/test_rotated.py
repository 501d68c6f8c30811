"""A capture in rotated files is one capture: what its files cut apart is put together."""

from __future__ import annotations

import gzip
import shutil
from typing import TYPE_CHECKING

import pytest

from pipeline import resources
from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.schema import TABLES
from pipeline.store.lake import Lake
from tests.labels.database import built

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = resources.folder("samples") / "single-pod"
SAME = "* EXCLUDE (run, connection_id)"


def connections(capture: Path, lake: Path) -> list[tuple[object, ...]]:
    run = run_whole(Job(Capture(capture), Lake(lake), "rotated"), Window()).run
    return open_lake(Lake(lake), Limits(), run).sql(f"SELECT {SAME} FROM connections ORDER BY ALL").fetchall()


def rotate(capture: Path, parts: int, stream: bool) -> None:
    """Cut every export into files; tshark begins to count streams anew in each, or there is no such column."""
    for export in sorted(capture.glob("nodes/*/eth0.tsv.gz")):
        head, *lines = gzip.decompress(export.read_bytes()).decode().splitlines()
        export.unlink()
        place = head.split("\t").index("tcp.stream")
        size = len(lines) // parts + 1
        for number in range(parts):
            rows = [line.split("\t") for line in lines[number * size : (number + 1) * size]]
            streams: dict[str, str] = {}
            for row in rows:
                row[place] = streams.setdefault(row[place], str(len(streams))) if stream and row[place] else row[place]
            kept = [head.split("\t"), *rows]
            if not stream:
                kept = [row[:place] + row[place + 1 :] for row in kept]
            text = "\n".join("\t".join(row) for row in kept) + "\n"
            export.with_name(f"eth0_{number:05}_20261122.tsv").write_text(text)


@pytest.mark.parametrize(("parts", "stream"), [(2, True), (7, True), (3, False)])
def test_rotated_files_give_the_connections_of_the_whole(parts, stream, tmp_path):
    whole = connections(SAMPLE, tmp_path / "whole")
    capture = shutil.copytree(SAMPLE, tmp_path / "capture", copy_function=shutil.copyfile)
    rotate(capture, parts, stream)
    assert connections(capture, tmp_path / "lake") == whole


def test_joined_conversations_have_the_columns_of_conversations_in_their_order():
    captures = [{"capture_id": name, "kind": "packets"} for name in ("a", "b")]
    times = ({"capture_id": "a", "start_us": 0, "end_us": 10}, {"capture_id": "b", "start_us": 11, "end_us": 20})
    conversations = [{"node": "n", "first_line": 2, "protocol": "tcp"} | row for row in times]
    [joined] = built("rotated_conversations", {"captures": captures, "conversations": conversations})
    assert list(joined) == ["flow_number", *(n for n in TABLES["conversations"].names if n != "run")]
    assert (joined["capture_id"], joined["start_us"], joined["end_us"]) == ("a", 0, 20)
