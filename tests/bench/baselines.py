"""What a user could type instead: the same exports copied to Parquet, or their 5-tuples counted, by other tools.

usage: python -m tests.bench.baselines NAME CAPTURE OUT
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.formats.tshark.field_names import TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIRTY = (
    "frame.time_epoch",
    "ip.proto",
    "ip.id",
    "ip.ttl",
)  # some line has them otherwise: pyarrow and pandas stop there


def exports(capture: Path) -> list[Path]:
    """The exports of a made capture."""
    return sorted(capture.glob("nodes/*/any.tsv"))


def _names(files: Sequence[Path]) -> list[str]:
    with files[0].open() as f:
        return f.readline().rstrip("\n").split("\t")


def duckdb_copy(files: Sequence[Path], out: Path) -> None:
    """The bare copy that all else is measured by: rows that do not fit the types are dropped."""
    import duckdb

    columns = ", ".join(f"'{n}': '{TYPES[n]}'" for n in _names(files))
    read = (
        f"read_csv({[str(f) for f in files]!r}, delim='\t', header=false, skip=1, auto_detect=false, quote='', "
        f"escape='', ignore_errors=true, columns={{{columns}}})"
    )
    con = duckdb.connect()
    con.execute("SET preserve_insertion_order = false")
    con.execute(f"COPY (FROM {read}) TO '{out}' (FORMAT parquet)")


def polars_copy(files: Sequence[Path], out: Path) -> None:
    """Polars, streaming, in any order."""
    import polars as pl

    kinds = {"DECIMAL(19,9)": pl.Float64, "VARCHAR": pl.String, "USMALLINT": pl.String}
    schema = {n: kinds.get(TYPES[n], pl.Int64) for n in _names(files)}
    read = pl.scan_csv(files, separator="\t", quote_char=None, schema=schema, ignore_errors=True)
    read.sink_parquet(out, maintain_order=False)


def pyarrow_copy(files: Sequence[Path], out: Path) -> None:
    """Pyarrow, block by block; what some line has otherwise stays text."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    names = _names(files)
    kinds = {"VARCHAR": pa.string(), "USMALLINT": pa.uint16(), "INTEGER": pa.int32()}
    types = {n: pa.string() if n in _DIRTY else kinds.get(TYPES[n], pa.int64()) for n in names}
    schema = pa.schema(types.items())
    with parquet.ParquetWriter(out, schema, compression="snappy") as writer:
        for file in files:
            reader = csv.open_csv(
                file,
                csv.ReadOptions(column_names=names, skip_rows=1, block_size=1 << 23),
                csv.ParseOptions(delimiter="\t", quote_char=False, invalid_row_handler=lambda _: "skip"),
                csv.ConvertOptions(column_types=types),
            )
            for batch in reader:
                writer.write_batch(batch)


def pandas_copy(files: Sequence[Path], out: Path) -> None:
    """Pandas, file by file, with the types that it finds."""
    import pandas as pd

    for number, file in enumerate(files):
        read = pd.read_csv(file, sep="\t", quoting=3, on_bad_lines="skip", dtype=dict.fromkeys(_DIRTY, str))
        read.to_parquet(f"{out}.{number}")


def duckdb_count(files: Sequence[Path], out: Path) -> None:
    """5-tuples counted by SQL."""
    import duckdb

    names = _names(files)
    columns = ", ".join(f"'{n}': 'VARCHAR'" for n in names)
    read = (
        f"read_csv({[str(f) for f in files]!r}, delim='\t', header=false, skip=1, auto_detect=false, quote='', "
        f"escape='', null_padding=true, columns={{{columns}}})"
    )
    five = '"ip.src", "ip.dst", "ip.proto", "tcp.srcport", "tcp.dstport"'
    duckdb.connect().execute(f"COPY (SELECT {five}, COUNT(*) FROM {read} GROUP BY ALL) TO '{out}' (FORMAT csv)")


def mawk_count(files: Sequence[Path], out: Path) -> None:
    """5-tuples counted by mawk."""
    program = r'{ c[$4 " " $5 " " $6 " " $9 " " $10]++ } END { for (k in c) print c[k], k }'
    with out.open("w") as f:
        subprocess.run(["mawk", "-F\t", program, *map(str, files)], stdout=f, check=True)


def sort_count(files: Sequence[Path], out: Path) -> None:
    """5-tuples counted by sort and uniq."""
    words = " ".join(f"'{f}'" for f in files)
    command = f"cat {words} | cut -f4,5,6,9,10 | LC_ALL=C sort | uniq -c > '{out}'"
    subprocess.run(["bash", "-c", command], check=True)


BARE = "bare copy (DuckDB)"
BASELINES = {
    BARE: duckdb_copy,
    "polars copy": polars_copy,
    "pyarrow copy": pyarrow_copy,
    "pandas copy": pandas_copy,
    "5-tuples: DuckDB": duckdb_count,
    "5-tuples: mawk": mawk_count,
    "5-tuples: sort, uniq": sort_count,
}


def baseline(name: str, capture: Path, out: Path) -> list[str]:
    """The command that runs one of them in a process of its own."""
    return [sys.executable, "-m", "tests.bench.baselines", name, str(capture), str(out)]


if __name__ == "__main__":
    BASELINES[sys.argv[1]](exports(Path(sys.argv[2])), Path(sys.argv[3]))
