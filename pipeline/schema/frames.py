"""Rows as polars frames with the column types that the schema declares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.schema import TABLES, Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

POLARS_TYPES = {"BIGINT": "Int64", "INTEGER": "Int32", "DOUBLE": "Float64", "BOOLEAN": "Boolean", "VARCHAR": "String"}
_PYTHON_TYPES = {"VARCHAR": str, "BIGINT": int, "INTEGER": int, "BOOLEAN": bool, "DOUBLE": float}
_INTEGER_LIMITS = {"INTEGER": 2**31, "BIGINT": 2**63}
_SURROGATE = re.compile("[\ud800-\udfff]")


def frame(table: str, rows: Iterable[Row]) -> pl.DataFrame:
    """Return rows of a declared table as a polars frame with the declared types; columns that no row has are left out."""
    import polars as pl

    rows = list(rows)
    row_columns = {name for row in rows for name in row}
    schema = {c.name: getattr(pl, POLARS_TYPES[c.type]) for c in TABLES[table].columns if c.name in row_columns}
    try:
        return pl.DataFrame(rows, schema=schema)
    except UnicodeEncodeError:  # a JSON escape can be one half of a surrogate pair
        return pl.DataFrame([{k: _replace_surrogates(v) for k, v in row.items()} for row in rows], schema=schema)


def checked(table: str, row: Row) -> Row:
    """Return the row after a check of its values.

    Raises:
        TypeError: a value does not have the type of its column.
    """
    for column in TABLES[table].columns:
        value = row.get(column.name)
        if value is not None and not _has_type(value, column.type):
            raise TypeError(f"{column.name} is no {column.type}")
    return row


def _has_type(value: object, sql_type: str) -> bool:
    is_small = not isinstance(value, int) or abs(value) < _INTEGER_LIMITS.get(sql_type, 2)
    return type(value) is _PYTHON_TYPES[sql_type] and is_small


def _replace_surrogates(value: object) -> object:
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value
