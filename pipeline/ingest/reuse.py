"""Reuses the rows of inputs that have not changed since the run was made: their files are linked, not read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.diagnostics import detail
from pipeline.schema import INPUT_TABLES, TABLES
from pipeline.store.tables import link_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from pipeline.ingest.capture import InputFile
    from pipeline.ingest.input_tables import InputTables
    from pipeline.schema import Row

_KINDS = ("packets", "rules", "translations")  # the large inputs; reading the others takes no time
_OWN_FILES = ("packets", "conversations", "icmp_errors", "rejects")  # tables with files of one input only
_NOT_BY_INPUT = ("captures", "findings")
_SHARED_TABLES = [t for t in INPUT_TABLES if t not in _NOT_BY_INPUT and "capture_id" in TABLES[t].names]


def take_over(
    files: Mapping[str, list[Path]], input_files: Sequence[InputFile], tables: InputTables
) -> list[InputFile]:
    """Add the rows of unchanged inputs to `tables`, from an earlier run's files by table; return the other inputs."""
    earlier = _EarlierRun.load(files)
    to_read = []
    for input_file in input_files:
        if row := earlier.capture(input_file):
            detail(f"{input_file.source.name} has not changed since the run was made; not read again")
            for table, rows in earlier.shared_rows(input_file.capture_id).items():
                tables.frames[table].append(rows)
            earlier.link_files(input_file, tables)
            tables.add_findings(f for f in earlier.findings if f["file"] == input_file.source.name)
            tables.captures.append(row)
        else:
            to_read.append(input_file)
    return to_read


@dataclass(slots=True)
class _EarlierRun:
    """Input tables of an earlier run: its files by table, rows of `captures` by capture id and file, findings."""

    files: Mapping[str, list[Path]]
    captures: dict[tuple[object, object], Row] = field(default_factory=dict)
    findings: list[Row] = field(default_factory=list)

    @classmethod
    def load(cls, files: Mapping[str, list[Path]]) -> _EarlierRun:
        """Read the small tables."""
        captures, findings = (
            [row for rows in _shared(files.get(table, [])) for row in rows.collect().to_dicts()]
            for table in ("captures", "findings")
        )
        return cls(files, {(c["capture_id"], c["file"]): c for c in captures}, findings)

    def capture(self, input_file: InputFile) -> Row | None:
        """The row of `captures` of an input whose rows can be reused.

        An export of which only a part was kept cannot: the other export with the same packets may be gone now.
        """
        if input_file.kind not in _KINDS or self._is_partial(input_file.source.name):
            return None
        row = self.captures.get((input_file.capture_id, input_file.source.name))
        has_rows = input_file.kind != "packets" or self._own_files("conversations", input_file.capture_id)
        return row if has_rows else None

    def link_files(self, input_file: InputFile, tables: InputTables) -> None:
        """Link the files that hold rows of this input only."""
        for table in _OWN_FILES:
            for path in self._own_files(table, input_file.capture_id):
                folder = tables.folder / table if table == "rejects" else tables.node_folder(table, input_file)
                link_file(path, folder / path.name)

    def shared_rows(self, capture_id: str) -> dict[str, pl.DataFrame]:
        """The rows of an input in the tables that all inputs share, without `run`, by table."""
        import polars as pl

        by_table = {}
        for table in _SHARED_TABLES:
            frames = [f.filter(pl.col("capture_id") == capture_id).collect() for f in _shared(self.files[table])]
            if any(f.height for f in frames):
                by_table[table] = pl.concat(frames)
        return by_table

    def _is_partial(self, file: str) -> bool:
        return any(f["file"] == file and f["finding"] == "same-packets" for f in self.findings)

    def _own_files(self, table: str, capture_id: str) -> list[Path]:
        return [p for p in self.files.get(table, ()) if p.name.startswith(capture_id)]


def _shared(paths: Sequence[Path]) -> list[pl.LazyFrame]:
    """The files with rows of all inputs."""
    import polars as pl

    return [pl.scan_parquet(p, hive_partitioning=False) for p in paths if p.name == "part.parquet"]
