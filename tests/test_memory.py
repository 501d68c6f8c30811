"""What reading needs of memory does not grow with the input."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipeline import resources
from pipeline.config import Limits
from tests.bench.load import write

if TYPE_CHECKING:
    from pathlib import Path


def peak_mb(capture: Path, lake: Path) -> float:
    """The most memory that a process of its own has while it reads a capture."""
    words = ["-m", "pipeline", "ingest", str(capture), "--lake", str(lake), "--memory-limit", "256MB", "-q"]
    environment = os.environ | {"PYTHONPATH": str(resources.folder("sql").parent)}
    _, status, used = os.wait4(os.posix_spawn(sys.executable, [sys.executable, *words], environment), 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return used.ru_maxrss / 1024


def test_eight_times_the_packets_need_hardly_more_memory(tmp_path):
    con = duckdb.connect()
    write(tmp_path / "made", 100_000, con)
    con.close()
    text = b"".join(p.read_bytes() for p in sorted((tmp_path / "made").glob("nodes/*/any.tsv")))
    for name, times in (("once", 1), ("often", 8)):
        (tmp_path / name / "nodes" / "node-0").mkdir(parents=True)
        (tmp_path / name / "nodes" / "node-0" / "any.tsv").write_bytes(text * times)
    once, often = (peak_mb(tmp_path / name, tmp_path / f"lake-{name}") for name in ("once", "often"))
    assert often - once < 0.75 * 7 * len(text) / 1e6, (once, often)


@pytest.mark.parametrize(
    ("told", "database", "piece_mib"),
    [
        (None, None, 32),
        ("8GB", "7540000KB", 32),
        ("512MB", "192000KB", 7),
        ("1GiB", "613741KB", 16),
        ("80%", "80%", 32),
    ],
)
def test_memory_is_shared_out(told, database, piece_mib):
    limits = Limits(memory_limit=told)
    assert (limits.database_memory, limits.piece_bytes // 2**20) == (database, piece_mib)
