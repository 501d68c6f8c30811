"""What a run of the same name already holds of inputs that have not changed: it is taken over, not read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.schema import INPUT_TABLES, SHAPES, TABLES

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from pipeline.ingest.discover import Input
    from pipeline.schema import Row
    from pipeline.store.lake import Lake, Manifest

_KINDS = ("packets", "rules", "translations")  # what is large; the rest is read again in no time
_OF_THE_RUN = ("captures", "rejects", "findings")
_BY_INPUT = tuple(t for t in INPUT_TABLES if t not in _OF_THE_RUN and "capture_id" in TABLES[t].names)


@dataclass(slots=True)
class Earlier:
    """The inputs of an earlier run, by capture id and file; empty where there is none, or one read otherwise.

    `files` are its Parquet files by table.
    """

    files: dict[str, list[Path]] = field(default_factory=dict)
    captures: dict[tuple[object, object], Row] = field(default_factory=dict)
    findings: list[Row] = field(default_factory=list)

    def capture(self, one: Input) -> Row | None:
        """The row of `captures` of an input whose rows can be taken over."""
        if one.form is None or one.form.kind not in _KINDS or one.source.name in self.in_part:
            return None
        row = self.captures.get((one.capture_id, one.source.name))
        return row if row and (one.form.kind != "packets" or self.parts("conversations", one.capture_id)) else None

    @property
    def in_part(self) -> set[object]:
        """Files of which only what another export does not tell was taken; that other may be gone now."""
        return {f["file"] for f in self.findings if f["finding"] == "same-packets"}

    def parts(self, table: str, capture_id: str) -> list[Path]:
        """Files of a table that hold rows of one input only."""
        return [p for p in self.files.get(table, ()) if p.name.startswith(capture_id)]

    def rows(self, capture_id: str) -> dict[str, pl.DataFrame]:
        """An input's rows in the tables that all inputs share, without `run`; `rejects` among them."""
        import polars as pl

        found = {}
        for table in (*_BY_INPUT, "rejects"):
            paths = [p for p in self.files.get(table, ()) if p.name == "part.parquet"]
            rows = [
                pl.scan_parquet(p, hive_partitioning=False).filter(pl.col("capture_id") == capture_id).collect()
                for p in paths
            ]
            if any(r.height for r in rows):
                found[table] = pl.concat(rows)
        return found


def earlier(lake: Lake, manifest: Manifest) -> Earlier:
    """What there is of the run that `manifest` is about to replace."""
    import polars as pl

    before = lake.find(manifest.run)
    made_alike = before and (before.version, before.shapes.get("inputs")) == (manifest.version, SHAPES["inputs"])
    if before is None or not made_alike or before.read_as != manifest.read_as:
        return Earlier()
    files = lake.files(before.run)
    captures, findings = (
        [
            row
            for p in files[t]
            if p.name == "part.parquet"
            for row in pl.read_parquet(p, hive_partitioning=False).to_dicts()
        ]
        for t in ("captures", "findings")
    )
    return Earlier(files, {(c["capture_id"], c["file"]): c for c in captures}, findings)
