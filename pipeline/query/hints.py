"""What is wrong with a query, in words that lead on: the nearest names, the runs there are."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pipeline.errors import QueryError
from pipeline.query.macros import all_questions
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
_READ_ON = "every table, column and macro: hopscope sql --schema"


def what_is_wrong(error: duckdb.Error, sql: str, con: Connection) -> QueryError:
    """DuckDB's refusal of `sql` as ours, with the nearest names that there are as the hint."""
    text = str(error)
    if "disabled by configuration" in text:
        hint = "a query reads the lake only; --unsafe lets it read other files and the network"
    elif found := _COLUMN.search(text):
        hint = _nearest(found[1], _columns(sql))
    elif found := _TABLE.search(text):
        hint = _nearest(found[1], [*TABLES, *(q.name for q in all_questions() if q.gives_rows)])
    elif found := _FUNCTION.search(text):
        functions = con.sql("SELECT DISTINCT function_name FROM duckdb_functions() ORDER BY 1").fetchall()
        hint = _nearest(found[1], [*(str(f[0]) for f in functions), *(q.name for q in all_questions())])
    elif "Out of Memory" in text:
        hint = "ask for less, or give more with --memory-limit"
    else:
        hint = _READ_ON
    return QueryError(_GUESSES.sub("", _KIND.sub("", text)), hint=hint)


def unknown_run(sql: str, runs: tuple[str, ...]) -> str | None:
    """A run that `sql` compares with and that is not there."""
    asked = [name.replace("''", "'") for name in _RUN.findall(sql)]
    return next((name for name in asked if name not in runs), None)


def _nearest(name: str, names: list[str]) -> str:
    near = get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    return f"nearest: {', '.join(near)}; {_READ_ON}" if near else _READ_ON


def _columns(sql: str) -> list[str]:
    """Columns of the tables that `sql` names; of all where it names none of ours."""
    words = set(re.findall(r"\w+", sql.lower()))
    read = [t for name, t in TABLES.items() if name in words] or list(TABLES.values())
    return list(dict.fromkeys(c for table in read for c in table.names))
