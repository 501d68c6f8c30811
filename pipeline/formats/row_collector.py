"""Rows of several tables, gathered object by object."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.schema import TABLES, Row
from pipeline.schema.frames import checked, frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

TableRow = tuple[str, Row]


@dataclass(slots=True)
class Gathered:
    """Rows by table and key: where one object is listed twice, the later listing stands."""

    rows: dict[str, dict[tuple[object, ...], Row]] = field(default_factory=lambda: defaultdict(dict))

    def put(self, rows: Iterable[TableRow]) -> None:
        """Take the rows of one object, all or none.

        Raises:
            TypeError: a value is not of its column's type.
        """
        for table, row in [(table, checked(table, row)) for table, row in rows]:
            self.rows[table][tuple(row.get(k) for k in TABLES[table].key)] = row

    def frames(self) -> dict[str, pl.DataFrame]:
        """What was gathered, a frame a table."""
        return {table: frame(table, rows.values()) for table, rows in sorted(self.rows.items())}
