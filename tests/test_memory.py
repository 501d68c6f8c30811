"""What reading needs of memory does not grow with the input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipeline import resources
from pipeline.config import Limits
from tests.bench.load import write

if TYPE_CHECKING:
    from pathlib import Path


# What the process itself had: what wait4 tells may be of the one that began it.
_MEASURED = "from pipeline.cli import run_app; code = run_app(); print(open('/proc/self/status').read()); exit(code)"


def peak_mb(capture: Path, lake: Path) -> float:
    """The most memory that a process of its own has while it reads a capture."""
    words = ["ingest", str(capture), "--lake", str(lake), "--memory-limit", "512MB", "-q"]
    environment = os.environ | {"PYTHONPATH": str(resources.folder("sql").parent)}
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *words], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return int(re.findall(r"VmHWM:\s+(\d+) kB", done.stdout)[0]) / 1000


def test_four_times_the_packets_need_hardly_more_memory(tmp_path):
    con = duckdb.connect()
    write(tmp_path / "made", 100_000, con)
    con.close()
    text = b"".join(p.read_bytes() for p in sorted((tmp_path / "made").glob("nodes/*/any.tsv")))
    for name, times in (("some", 4), ("many", 16)):
        (tmp_path / name / "nodes" / "node-0").mkdir(parents=True)
        (tmp_path / name / "nodes" / "node-0" / "any.tsv").write_bytes(text * times)
    some, many = (peak_mb(tmp_path / name, tmp_path / f"lake-{name}") for name in ("some", "many"))
    assert many - some < 0.6 * 12 * len(text) / 1e6, (some, many)


@pytest.mark.parametrize(
    ("told", "database", "piece_mib"),
    [
        (None, None, 32),
        ("8GB", "7500000KB", 32),
        ("512MB", "192000KB", 7),
        ("1GiB", "573741KB", 16),
        ("80%", "80%", 32),
    ],
)
def test_memory_is_shared_out(told, database, piece_mib):
    limits = Limits(memory_limit=told)
    assert (limits.database_memory, limits.piece_bytes // 2**20) == (database, piece_mib)
