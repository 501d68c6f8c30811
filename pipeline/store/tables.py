"""Writes the Parquet file of one table of a run, with every declared column, from polars frames."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from pipeline.schema import TABLES
from pipeline.schema.frames import POLARS_TYPES, frame

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl


def write_frames(folder: Path, table: str, frames: Sequence[pl.DataFrame]) -> None:
    """Write the frames of one table to one Parquet file; of equal rows one is kept."""
    write_table(folder, table, whole_table(table, frames).unique(maintain_order=True))


def whole_table(table: str, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of all frames with the declared columns and types; a column that no frame has is NULL."""
    import polars as pl

    columns = TABLES[table].file_columns
    rows = pl.concat([frame(table, []), *frames], how="diagonal_relaxed")
    missing = [c.name for c in columns if c.name not in rows.columns]
    rows = rows.with_columns(**{name: pl.lit(None) for name in missing})
    return rows.select(pl.col(c.name).cast(getattr(pl, POLARS_TYPES[c.type])) for c in columns)


def write_table(folder: Path, table: str, rows: pl.DataFrame) -> None:
    """Write the rows of one table to its Parquet file in the folder of a run."""
    path = folder / table / "part.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(path)


def link_file(path: Path, link: Path) -> None:
    """Make a file available under a second path: as a hard link if the file system has these, else as a copy."""
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, link)
    except OSError:
        shutil.copyfile(path, link)
