"""Rows of several tables, gathered object by object."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import frame
from pipeline.schema import TABLES, Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

TableRow = tuple[str, Row]
_INTEGER_LIMIT = 2**31
_PYTHON_TYPES = {"VARCHAR": str, "BIGINT": int, "INTEGER": int, "BOOLEAN": bool, "DOUBLE": float}


@dataclass(slots=True)
class Gathered:
    """Rows by table and key: where one object is listed twice, the later listing stands."""

    rows: dict[str, dict[tuple[object, ...], Row]] = field(default_factory=lambda: defaultdict(dict))

    def put(self, rows: Iterable[TableRow]) -> None:
        """Take the rows of one object, all or none.

        Raises:
            TypeError: a value is not of its column's type.
        """
        for table, row in [_checked(*one) for one in rows]:
            self.rows[table][tuple(row.get(k) for k in TABLES[table].key)] = row

    def frames(self) -> dict[str, pl.DataFrame]:
        """What was gathered, a frame a table."""
        return {table: frame(table, rows.values()) for table, rows in sorted(self.rows.items())}


def _checked(table: str, row: Row) -> TableRow:
    for column in TABLES[table].columns:
        value = row.get(column.name)
        if value is not None and not _fits(value, column.type):
            raise TypeError(f"{column.name} is no {column.type}")
    return table, row


def _fits(value: object, sql_type: str) -> bool:
    is_small = sql_type != "INTEGER" or (isinstance(value, int) and abs(value) < _INTEGER_LIMIT)
    return type(value) is _PYTHON_TYPES[sql_type] and is_small
