"""DuckDB: connections with the limits of the command line, Parquet files in and out, and quoting of SQL."""

from __future__ import annotations

from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb

from pipeline.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from pipeline.config import Limits
    from pipeline.schema import Table

Connection = duckdb.DuckDBPyConnection
OutOfMemory = duckdb.OutOfMemoryException
# Parquet version 2 stores differences of numbers: smaller files, read in two thirds of the time. A higher zstd level
# costs more than it saves, and so does a dictionary with most values of a column. A row group is in memory before it is
# written.
_PARQUET = (
    "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 40960, "
    "DICTIONARY_SIZE_LIMIT 4096"
)


def connect(limits: Limits) -> Connection:
    """Return an in-memory database within `limits`."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET enable_progress_bar = false")  # a Python prompt gets one, in the middle of the data on stdout
    for setting, value in (
        ("memory_limit", limits.database_memory),
        ("threads", limits.threads),
        ("temp_directory", limits.temp_dir),
    ):
        if value is not None:
            con.execute(f"SET {setting} = {literal(str(value))}")
    return con


@contextmanager
def workshop(limits: Limits, folder: Path) -> Iterator[Connection]:
    """Give a database to build models in; with a memory limit its tables are in a temporary folder, not in memory."""
    con = connect(limits)
    con.execute("SET preserve_insertion_order = false")  # no model depends on it, and keeping it takes memory
    con.execute("SET disabled_optimizers = 'join_order'")  # models join many rows to few, as they are written
    with TemporaryDirectory(prefix="work-", dir=limits.temp_dir or folder) as spare:
        con.execute(f"SET temp_directory = {literal(spare)}")
        if limits.memory_limit is not None:
            con.execute("SET force_compression = 'uncompressed'")  # tables are read once or twice
            con.execute(f"ATTACH {literal(spare + '/tables')} AS tables (ROW_GROUP_SIZE 20480)")
            con.execute("USE tables")
        else:
            con.execute("SET block_allocator_memory = '1GB'")  # kept for the next statement
        try:
            yield con
        finally:
            con.close()


def literal(text: str) -> str:
    """Return `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return `name` as a quoted SQL name."""
    return '"' + name.replace('"', '""') + '"'


def column_list(table: Table, *, skip: tuple[str, ...] = ()) -> str:
    """Return the columns of `table`, cast to their declared types, for a SELECT."""
    return ", ".join(f"CAST({c.name} AS {c.type}) AS {c.name}" for c in table.columns if c.name not in skip)


def empty_select(table: Table, *, skip: tuple[str, ...] = ()) -> str:
    """Return a SELECT with the columns of `table` and no rows."""
    cells = ", ".join(f"CAST(NULL AS {c.type}) AS {c.name}" for c in table.columns if c.name not in skip)
    return f"SELECT {cells} WHERE FALSE"


def parquet_select(table: Table, files: Iterable[Path], *, skip: tuple[str, ...] = ()) -> str:
    """Return a SELECT over Parquet files of `table`, partitions taken from their paths; no files give no rows."""
    paths = sorted(str(f) for f in files)
    if not paths:
        return empty_select(table, skip=skip)
    types = "{" + ", ".join(f"'{p}': VARCHAR" for p in table.partitions if p not in skip) + "}"
    listed = "[" + ", ".join(literal(p) for p in paths) + "]"
    names = ", ".join(c for c in table.names if c not in skip)
    hive = "" if types == "{}" else f", hive_partitioning = true, hive_types = {types}"
    return f"SELECT {names} FROM read_parquet({listed}{hive})"


def write_parquet(con: Connection, select: str, path: Path) -> int:
    """Write the rows of `select` to one Parquet file; return the number of rows."""
    ((count,),) = _execute_or_spill(con, _copy(select, path))
    return int(count)


def write_sorted(con: Connection, select: str, order: str, path: Path) -> None:
    """Write the rows of `select` in that order; if memory is too small for both at once, sort in a second step."""
    try:
        con.execute(_copy(f"{select} ORDER BY {order}", path))
    except OutOfMemory:
        create_table(con, "unsorted", select)
        write_parquet(con, f"SELECT * FROM unsorted ORDER BY {order}", path)
        con.execute("DROP TABLE unsorted")


def create_table(con: Connection, name: str, select: str) -> None:
    """Create a table with the rows of `select`."""
    _execute_or_spill(con, f"CREATE TABLE {identifier(name)} AS {select}")


def create_temporary(con: Connection, name: str, select: str) -> None:
    """Create a table with the rows of `select` for this connection only."""
    _execute_or_spill(con, f"CREATE TEMP TABLE {identifier(name)} AS {select}")


def _copy(select: str, path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    return f"COPY ({select}) TO {literal(str(path))} ({_PARQUET})"


def _execute_or_spill(con: Connection, statement: str) -> list[tuple[int]]:
    """Execute `statement`; if memory runs out, again with one thread that spills to disk at once."""
    try:
        return con.execute(statement).fetchall()
    except OutOfMemory:
        ((threads,),) = con.sql("SELECT current_setting('threads')").fetchall()
        con.execute("SET threads = 1")
        con.execute("SET debug_force_external = true")
        try:
            return con.execute(statement).fetchall()
        finally:
            con.execute("SET debug_force_external = false")
            con.execute(f"SET threads = {threads}")


def create_view(con: Connection, name: str, select: str) -> None:
    """Create or replace the view `name`."""
    con.execute(f"CREATE OR REPLACE VIEW {identifier(name)} AS {select}")


def lake_views(con: Connection, files: dict[str, list[Path]], *, only: Collection[str] = TABLES) -> None:
    """Create a view for every table of the schema, or for `only` some, over its files."""
    for name, table in TABLES.items():
        if name in only:
            create_view(con, name, parquet_select(table, files.get(name, [])))
