"""Hints for a query that failed: the nearest names, the names of runs."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pipeline.errors import QueryError
from pipeline.query.macros import all_macros
from pipeline.schema import TABLES

if TYPE_CHECKING:
    import duckdb

    from pipeline.store.duckdb_engine import Connection

_KIND = re.compile(r"^[A-Za-z ]+ Error: ")
_GUESSES = re.compile(r"\n\s*(?:Did you mean|Candidate).*", re.DOTALL)
_COLUMN = re.compile(r'[Cc]olumn (?:named )?"([^"]+)"')
_TABLE = re.compile(r"Table with name (\S+) does not exist")
_FUNCTION = re.compile(r"Function with name (\S+) does not exist")
_RUN = re.compile(r"\brun\s*=\s*'((?:[^']|'')*)'", re.IGNORECASE)
_SCHEMA_HINT = "every table, column and macro: hopscope sql --schema"


def query_error(error: duckdb.Error, sql: str, con: Connection) -> QueryError:
    """DuckDB's error as a QueryError, with the nearest existing names as the hint."""
    text = str(error)
    if "disabled by configuration" in text:
        hint = "a query reads the lake only; --unsafe lets it read other files and the network"
    elif column := _COLUMN.search(text):
        hint = _nearest(column[1], _columns(sql))
    elif table := _TABLE.search(text):
        hint = _nearest(table[1], [*TABLES, *(m.name for m in all_macros() if m.returns_rows)])
    elif function := _FUNCTION.search(text):
        functions = con.sql("SELECT DISTINCT function_name FROM duckdb_functions() ORDER BY 1").fetchall()
        hint = _nearest(function[1], [*(str(f[0]) for f in functions), *(m.name for m in all_macros())])
    elif "Out of Memory" in text:
        hint = "select less, or raise --memory-limit"
    else:
        hint = _SCHEMA_HINT
    return QueryError(_GUESSES.sub("", _KIND.sub("", text)), hint=hint)


def unknown_run(sql: str, runs: tuple[str, ...]) -> str | None:
    """A run name that `sql` compares with and that no run has."""
    names = [name.replace("''", "'") for name in _RUN.findall(sql)]
    return next((name for name in names if name not in runs), None)


def _nearest(name: str, names: list[str]) -> str:
    near = get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    return f"nearest: {', '.join(near)}; {_SCHEMA_HINT}" if near else _SCHEMA_HINT


def _columns(sql: str) -> list[str]:
    """Columns of the tables that `sql` names; of all tables if it names none."""
    words = set(re.findall(r"\w+", sql.lower()))
    read = [t for name, t in TABLES.items() if name in words] or list(TABLES.values())
    return list(dict.fromkeys(c for table in read for c in table.names))
