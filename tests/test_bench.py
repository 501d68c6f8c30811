"""What the benchmark compares with does what it says."""

from __future__ import annotations

import re
import resource
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

from tests.bench import baselines
from tests.bench.cost import apart, cost
from tests.bench.load import write

if TYPE_CHECKING:
    from pathlib import Path

COPIES = (baselines.duckdb_copy, baselines.polars_copy, baselines.pyarrow_copy)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    with duckdb.connect() as con:
        write(folder, 5000, con)
    return folder


@pytest.mark.parametrize("copy", COPIES, ids=lambda f: f.__name__)
def test_copies_keep_every_plain_line(capture, tmp_path, copy):
    files = baselines.exports(capture)
    whole = "".join(f.read_text() for f in files).splitlines()
    plain = [x for x in whole if re.match(r"\d+\.\d+\t\w+\t\d+\t[\d.]+\t[\d.]+\t\d+\t0x", x)]
    copy(files, tmp_path / "copy")
    rows = pl.read_parquet(tmp_path / "copy")
    assert len(plain) > 0.98 * len(whole)
    assert rows["frame.len"].is_not_null().sum() >= len(plain)
    assert rows["tcp.seq_raw"].cast(pl.Int64).sum() >= sum(int(x.split("\t")[13] or 0) for x in plain)


def test_the_ways_to_count_5_tuples_count_the_same_lines(capture, tmp_path):
    files = baselines.exports(capture)
    totals = []
    for count, pattern in (
        (baselines.duckdb_count, r",(\d+)$"),
        (baselines.mawk_count, r"^(\d+) "),
        (baselines.sort_count, r"^ *(\d+) "),
    ):
        out = tmp_path / count.__name__
        count(files, out)
        totals.append(sum(map(int, re.findall(pattern, out.read_text(), re.MULTILINE))))
    lines = sum(f.read_text().count("\n") for f in files)
    assert totals == [lines - len(files), lines, lines]  # the two that know no header count it


def grow(out: Path, megabytes: int) -> None:
    held = b"x" * (megabytes << 20)
    out.write_text(str(len(held)))


def test_what_one_table_holds_is_no_peak_of_the_next_ones_commands(tmp_path):
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    apart(grow, tmp_path / "out", int(own) + 200)
    assert int((tmp_path / "out").read_text()) > (int(own) + 200) << 19
    assert cost(["true"]).peak_mib < own + 100


def test_a_table_that_fails_is_told():
    with pytest.raises(ChildProcessError, match="test_bench ended with 1"):
        apart(grow, "no path", 1)
