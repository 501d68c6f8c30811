"""Collects rows of several tables, object by object; of an object that is listed twice, the later rows are kept."""

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
class RowCollector:
    """Rows by table, then by the table's key."""

    rows: dict[str, dict[tuple[object, ...], Row]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, rows: Iterable[TableRow]) -> None:
        """Add the rows of one object, all or none.

        Raises:
            TypeError: a value does not have the type of its column.
        """
        for table, row in [(table, checked(table, row)) for table, row in rows]:
            self.rows[table][tuple(row.get(k) for k in TABLES[table].key)] = row

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return one frame per table."""
        return {table: frame(table, rows.values()) for table, rows in sorted(self.rows.items())}
