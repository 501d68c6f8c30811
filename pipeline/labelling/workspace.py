"""The workspace of labelling: one database, and the folder that the run's tables are written to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.schema import TABLES
from pipeline.schema.frames import frame
from pipeline.store import sql_models
from pipeline.store.duckdb_engine import create_view, parquet_select
from pipeline.store.tables import write_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import polars as pl

    from pipeline.schema import Row
    from pipeline.store.duckdb_engine import Connection


@dataclass(frozen=True, slots=True)
class Workspace:
    """`con` has a view or table for each table made so far; `folder` has the Parquet files of those that are stored."""

    con: Connection
    folder: Path

    def open_inputs(self) -> None:
        """Open every table that no SQL model makes; those that labelling is still to write are empty."""
        for table in TABLES.keys() - set(stored_models()):
            self.open(table)

    def build(self, *models: str) -> None:
        """Build SQL models, and the models they read that are not there yet."""
        sql_models.build(self.con, models, self.folder)

    def rows(self, query: str) -> list[Row]:
        """The rows of a query."""
        return self.con.sql(query).to_dicts()

    def write(self, table: str, rows: Iterable[Row]) -> None:
        """Store rows as a table of the run, and open it."""
        self.write_frames(table, [frame(table, rows)])

    def write_frames(self, table: str, frames: Sequence[pl.DataFrame]) -> None:
        """Store frames as a table of the run, and open it."""
        write_frames(self.folder, table, frames)
        self.open(table)

    def open(self, table: str) -> None:
        """Create the view of a table over its files; without files it has no rows."""
        files = (self.folder / table).rglob("*.parquet")
        create_view(self.con, table, parquet_select(TABLES[table], files, skip=("run",)))


def stored_models() -> list[str]:
    """The tables of the lake that SQL models make."""
    return [m.name for m in sql_models.all_models().values() if m.stored and m.stage == "label"]
