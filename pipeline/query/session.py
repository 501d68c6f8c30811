"""Ad-hoc SQL over a lake: read-only, and results in the usual forms."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len

from pipeline.config import Form
from pipeline.diagnostics import warn
from pipeline.errors import QueryError
from pipeline.query.hints import query_error, unknown_run
from pipeline.query.macros import create_macros, named_tables
from pipeline.schema import TABLES
from pipeline.store.duckdb_engine import connect, lake_views, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from pipeline.config import Limits
    from pipeline.store.duckdb_engine import Connection
    from pipeline.store.lake import Lake


_COPY = {
    Form.CSV: "FORMAT csv, HEADER",
    Form.JSON: "FORMAT json, ARRAY true",
    Form.JSONL: "FORMAT json, ARRAY false",
    Form.PARQUET: "FORMAT parquet",
}
_ANSWER = "hopscope_answer"
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*")
_TICK_S = 0.05
SHOWN_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class QuerySession:
    """Runs queries on a lake: a database, a folder for temporary answers, and a time limit per query."""

    con: Connection
    runs: tuple[str, ...]
    scratch: Path
    timeout_s: float | None = None

    def answer(self, sql: str, form: Form, out: Path | None = None, shown_rows: int = SHOWN_ROWS) -> None:
        """Write the result of one SELECT to `out`, or to stdout with at most `shown_rows` of a table.

        Raises:
            QueryError: it is not a single SELECT, takes too long, or DuckDB rejects it.
            KeyboardInterrupt: the user stopped it; the session can run further queries.
        """
        import duckdb

        limit = shown_rows if out is None and form in (Form.TABLE, Form.MARKDOWN) else None
        try:
            path, is_cut = self._run_with_timeout(lambda: self._write_answer(sql, form, limit))
        except duckdb.Error as e:
            raise query_error(e, sql, self.con) from e
        if out is not None:
            shutil.copyfile(path, out)
        else:
            with path.open("rb") as answer:
                shutil.copyfileobj(answer, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        if is_cut:
            hint = "add LIMIT or WHERE to the query; `-o FILE` and the other formats hold all rows"
            warn(f"only the first {limit:,} rows are shown", hint=hint)
        if name := unknown_run(sql, self.runs):
            warn(f"there is no run {name!r}", hint=f"runs: {', '.join(self.runs)}")

    def _run_with_timeout(self, work: Callable[[], tuple[Path, bool]]) -> tuple[Path, bool]:
        """The result of `work`, computed in another thread: DuckDB itself reacts to Ctrl-C late or not at all."""
        start = time.monotonic()
        with ThreadPoolExecutor(1) as executor:
            job = executor.submit(work)
            try:
                while job not in wait([job], _TICK_S).done:
                    if self.timeout_s is not None and time.monotonic() - start > self.timeout_s:
                        hint = "select less, or raise --timeout"
                        raise QueryError(f"stopped after {self.timeout_s:g} s", hint=hint)
            finally:
                while job not in wait([job], _TICK_S).done:
                    self.con.interrupt()
            return job.result()

    def _write_answer(self, sql: str, form: Form, limit: int | None) -> tuple[Path, bool]:
        """The file with the answer, and whether it lacks rows because of `limit`."""
        _create_answer_view(self.con, sql)
        path, is_cut = self.scratch / "answer", False
        if form in (Form.TABLE, Form.MARKDOWN):
            text, is_cut = _render_table(self.con, form, limit)
            path.write_text(text, encoding="utf-8")
        else:
            self.con.execute(f"COPY (FROM {_ANSWER}) TO {literal(str(path))} ({_COPY[form]})")
        return path, is_cut


def open_lake(lake: Lake, limits: Limits, run: str | None = None, tables: Collection[str] = TABLES) -> Connection:
    """A database with a view for every table of `tables`, over one run or over all."""
    con = connect(limits)
    con.execute("SET parquet_metadata_cache = true")  # files of a lake are replaced, never changed
    lake_views(con, lake.readable(run, tables), only=tables)
    return con


def open_for(lake: Lake, limits: Limits, run: str | None, sql: str | None) -> Connection:
    """The same with views and macros; for one query `sql` only the tables that it reads, if its text shows them."""
    named = None if sql is None else named_tables(sql)
    con = open_lake(lake, limits, run, TABLES if named is None else named)
    if named is None:
        create_macros(con)
    return con


@contextmanager
def query_session(
    con: Connection, lake: Lake, timeout_s: float | None = None, *, unsafe: bool = False
) -> Iterator[QuerySession]:
    """A query session; unless `unsafe`, queries can read the lake's files only, and cannot change settings."""
    runs = tuple(m.run for m in lake.runs())
    with tempfile.TemporaryDirectory(prefix="hopscope-") as scratch:
        if not unsafe:
            folders = ", ".join(literal(str(p)) for p in (lake.root, lake.root.resolve(), scratch))
            con.execute(f"SET allowed_directories = [{folders}]")
            con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        yield QuerySession(con, runs, Path(scratch), timeout_s)


def _create_answer_view(con: Connection, sql: str) -> None:
    """Create the view `hopscope_answer` for the result of one reading statement."""
    from duckdb import StatementType

    try:
        sql.encode()
    except UnicodeEncodeError as e:
        hint = "save it as UTF-8, or write the letter as chr(...)"
        raise QueryError("the query is no text in UTF-8", hint=hint) from e
    kinds = [s.type for s in con.extract_statements(sql)]
    if len(kinds) != 1:
        raise QueryError(f"{len(kinds) or 'no'} statements given", hint="give one SELECT at a time")
    if kinds[0] == StatementType.SELECT:
        con.sql(sql).create_view(_ANSWER)
    elif kinds[0] == StatementType.EXPLAIN:
        con.register(_ANSWER, con.sql(sql).to_arrow_table())
    else:
        raise QueryError("only reading is allowed here", hint="give a SELECT; other tools can read the lake's Parquet")


def _render_table(con: Connection, form: Form, limit: int | None) -> tuple[str, bool]:
    """The rows as an aligned table, and whether `limit` cut rows off; DuckDB formats each value."""
    answer = con.sql(f"FROM {_ANSWER}")
    numeric = [bool(_NUMBERS.fullmatch(str(t))) for t in answer.types]
    most = "" if limit is None else f"LIMIT {limit + 1}"
    rows = con.sql(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {_ANSWER} {most}").fetchall()
    cells = [answer.columns, *([_cell_text(c, form) for c in row] for row in rows[:limit])]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(numeric))]
    lines = [[_pad(c, w, n) for c, w, n in zip(row, widths, numeric, strict=True)] for row in cells]
    return _join_lines(lines, widths, numeric, form), limit is not None and len(rows) > limit


def _join_lines(lines: list[list[str]], widths: list[int], numeric: list[bool], form: Form) -> str:
    if form is Form.MARKDOWN:
        rule = ["-" * (w - 1) + ":" if n else "-" * w for w, n in zip(widths, numeric, strict=True)]
        return "".join(f"| {' | '.join(line)} |\n" for line in (lines[0], rule, *lines[1:]))
    rule = ["─" * w for w in widths]
    return "".join("  ".join(line).rstrip() + "\n" for line in (lines[0], rule, *lines[1:]))


def _pad(text: str, width: int, numeric: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if numeric else text + blanks


def _cell_text(value: str | None, form: Form) -> str:
    text = "" if value is None else value.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return text.replace("|", "\\|") if form is Form.MARKDOWN else text
