"""Declaration of tables: one line per column, `name TYPE meaning`.

Units are in the suffix: `_us` microseconds since 1970 UTC, `_bytes`, `_count`,
`_share` (0 to 1), `_s` seconds. NULL means unknown; enum columns use the word `unknown` instead.
"""

from __future__ import annotations

from dataclasses import dataclass

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, SQL type (BIGINT, INTEGER, DOUBLE, BOOLEAN or VARCHAR) and meaning."""

    name: str
    type: str
    about: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table: `grain` describes one row, `key` columns identify it, `partitions` are folders, not file columns."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitions: tuple[str, ...] = ("run",)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(c.name for c in self.columns)

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """The columns that a Parquet file of this table holds (partitions are in its path)."""
        return tuple(c for c in self.columns if c.name not in self.partitions)


def table(name: str, grain: str, key: str, text: str, partitions: str = "run") -> Table:
    """Return a table from the text of its columns; `run` is the first column of every table."""
    columns = [
        Column(*line.split(None, 2)) for line in ("run VARCHAR The load test this row belongs to." + text).splitlines()
    ]
    return Table(name, grain, tuple(key.split()), tuple(columns), tuple(partitions.split()))
