"""Ad-hoc SQL over a lake: read-only, and results in the usual forms."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len

from pipeline.config import Form
from pipeline.engines.duckdb import connect, lake_views, literal
from pipeline.errors import QueryError

if TYPE_CHECKING:
    from pipeline.config import Limits
    from pipeline.engines.duckdb import Connection
    from pipeline.lake import Lake


_COPY = {
    Form.CSV: "FORMAT csv, HEADER",
    Form.JSON: "FORMAT json, ARRAY true",
    Form.JSONL: "FORMAT json, ARRAY false",
    Form.PARQUET: "FORMAT parquet",
}
_ANSWER = "hopscope_answer"
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*")


def open_lake(lake: Lake, limits: Limits, run: str | None = None) -> Connection:
    """A database with a view for every table, over one run or over all."""
    con = connect(limits)
    lake_views(con, lake.readable(run))
    return con


def run_query(con: Connection, lake: Lake, sql: str, form: Form, out: Path | None) -> None:
    """Write what one SELECT gives to `out`, or to stdout. Nothing but the lake's files can be read from it.

    Raises:
        QueryError: it is no single SELECT, or DuckDB refuses it.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="hopscope-") as scratch:
        _lock_down(con, lake, scratch)
        try:
            _answer(con, sql)
            if form in (Form.TABLE, Form.MARKDOWN):
                data = _laid_out(con, form).encode()
            else:
                path = Path(scratch) / "answer"
                con.execute(f"COPY (FROM {_ANSWER}) TO {literal(str(path))} ({_COPY[form]})")
                data = path.read_bytes()
        except duckdb.Error as e:
            raise QueryError(str(e)) from e
    if out is not None:
        out.write_bytes(data)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _lock_down(con: Connection, lake: Lake, scratch: str) -> None:
    """From here on only the lake and `scratch` can be reached, and no setting be changed."""
    folders = ", ".join(literal(str(p)) for p in (lake.root, lake.root.resolve(), scratch))
    con.execute(f"SET allowed_directories = [{folders}]")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def _answer(con: Connection, sql: str) -> None:
    """Let the view `hopscope_answer` stand for what one reading statement gives."""
    from duckdb import StatementType

    kinds = [s.type for s in con.extract_statements(sql)]
    if len(kinds) != 1:
        raise QueryError(f"{len(kinds)} statements given", hint="give one SELECT at a time")
    if kinds[0] == StatementType.SELECT:
        con.sql(sql).create_view(_ANSWER)
    elif kinds[0] == StatementType.EXPLAIN:
        con.sql(sql).create(_ANSWER)
    else:
        raise QueryError("only reading is allowed here", hint="give a SELECT; other tools can read the lake's Parquet")


def _laid_out(con: Connection, form: Form) -> str:
    """The rows as an aligned table; DuckDB itself turns each value into text."""
    answer = con.sql(f"FROM {_ANSWER}")
    numeric = [bool(_NUMBERS.fullmatch(str(t))) for t in answer.types]
    rows = con.sql(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {_ANSWER}").fetchall()
    cells = [answer.columns, *([_cell(c, form) for c in row] for row in rows)]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(numeric))]
    lines = [[_padded(c, w, n) for c, w, n in zip(row, widths, numeric, strict=True)] for row in cells]
    if form is Form.MARKDOWN:
        rule = ["-" * (w - 1) + ":" if n else "-" * w for w, n in zip(widths, numeric, strict=True)]
        return "".join(f"| {' | '.join(line)} |\n" for line in (lines[0], rule, *lines[1:]))
    rule = ["─" * w for w in widths]
    return "".join("  ".join(line).rstrip() + "\n" for line in (lines[0], rule, *lines[1:]))


def _padded(text: str, width: int, numeric: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if numeric else text + blanks


def _cell(value: str | None, form: Form) -> str:
    text = "" if value is None else value.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return text.replace("|", "\\|") if form is Form.MARKDOWN else text
