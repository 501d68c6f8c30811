"""What an input form is: a recogniser and a parser, text in and rows out.

A form is one module in this folder with a module-level `FORMAT`. Nothing else registers it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from pipeline.formats.source import Reject, Source
from pipeline.schema import TABLES, Row
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

Kind = Literal["packets", "rules", "objects", "addresses", "translations", "requests"]
TEXT_LIMIT = 500
LONGEST_RULE = 1_000_000
POLARS_TYPES = {"BIGINT": "Int64", "INTEGER": "Int32", "DOUBLE": "Float64", "BOOLEAN": "Boolean", "VARCHAR": "String"}
_PYTHON_TYPES = {"VARCHAR": str, "BIGINT": int, "INTEGER": int, "BOOLEAN": bool, "DOUBLE": float}
_INTEGER_LIMITS = {"INTEGER": 2**31, "BIGINT": 2**63}
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Parsed:
    """What one file gave. `tables` hold schema.py's columns without run, node, capture_id and file.

    `row_count` counts what the form calls a row (a rule line, an object, an address): always kept plus rejected.
    `taken_us` is when the file was made, where it says so.
    """

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    row_count: int = 0
    taken_us: int | None = None


class Format(Protocol):
    """One input form: what it is called, what it holds, in a few words what shows it, how sure it is of a text."""

    name: str
    kind: Kind
    sign: str

    def recognise(self, head: str) -> int:
        """How sure it is, 0 (not this form) to 100, from the first 64 KiB of the decompressed text."""
        ...


class Parser(Format, Protocol):
    """A form that Python reads; packets are read by DuckDB, by the `Layout` of their form."""

    def parse(self, source: Source) -> Parsed:
        """Rows, rejects and findings of the whole file; a bad line is a reject, never an exception."""
        ...


def frame(table: str, rows: Iterable[Row]) -> pl.DataFrame:
    """Rows as a polars frame with the types that schema.py declares; columns that no row has are left out."""
    import polars as pl

    rows = list(rows)
    known = {name for row in rows for name in row}
    schema = {c.name: getattr(pl, POLARS_TYPES[c.type]) for c in TABLES[table].columns if c.name in known}
    try:
        return pl.DataFrame(rows, schema=schema)
    except UnicodeEncodeError:  # JSON can write half a letter
        return pl.DataFrame([{k: _whole(v) for k, v in row.items()} for row in rows], schema=schema)


def checked(table: str, row: Row) -> Row:
    """The row itself.

    Raises:
        TypeError: a value is not of its column's type.
    """
    for column in TABLES[table].columns:
        value = row.get(column.name)
        if value is not None and not _fits(value, column.type):
            raise TypeError(f"{column.name} is no {column.type}")
    return row


def _fits(value: object, sql_type: str) -> bool:
    is_small = not isinstance(value, int) or abs(value) < _INTEGER_LIMITS.get(sql_type, 2)
    return type(value) is _PYTHON_TYPES[sql_type] and is_small


def _whole(value: object) -> object:
    return _HALF.sub("\ufffd", value) if isinstance(value, str) else value


def clip(text: str) -> str:
    """A line as `rejects` keeps it."""
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


__all__ = ["Finding", "Format", "Kind", "Parsed", "Parser", "Reject", "Source", "checked", "clip", "frame"]
