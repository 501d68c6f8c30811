"""What a capture holds and what is wrong with it: the logic of `hopscope inputs`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.audit import packet_files
from pipeline.discover import discover
from pipeline.engines.duckdb import connect, literal
from pipeline.ingest import Ingest
from pipeline.numbers import count, fine_moment, moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.config import Limits
    from pipeline.engines.duckdb import Connection
    from pipeline.schema import Row

_COLUMNS = ("file", "taken for", "node", "interface", "time", "rows", "rejects", "findings")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Every file of a capture with its findings, and the findings about the capture as a whole."""

    files: list[Row]
    findings: list[Row]

    @property
    def faulty(self) -> bool:
        """Whether anything was rejected, or is more than a note."""
        every = [*self.findings, *(f for file in self.files for f in file["findings"])]  # type: ignore[attr-defined]
        return any(file["rejected_count"] for file in self.files) or any(f["severity"] != "note" for f in every)


def look_at(
    capture: Path,
    limits: Limits,
    fields: Sequence[str] = (),
    nodes: Mapping[str, Path] | None = None,
    cluster: Sequence[Path] = (),
) -> Inputs:
    """Read a capture whole and say what is in it; nothing is kept."""
    con = connect(limits)
    with tempfile.TemporaryDirectory(prefix="hopscope-", dir=limits.temp_dir) as name:
        folder = Path(name)
        taken = Ingest(con, folder, fields, silent=True)
        for one in discover(capture, nodes or {}, cluster, fields, limits.temp_dir):
            taken.take(one)
        taken.finish()
        files = [_file(con, folder, c, taken.findings) for c in taken.captures]
    return Inputs(files, [_told(f) for f in taken.findings if not f["file"]])


def _file(con: Connection, folder: Path, capture: Row, findings: Sequence[Row]) -> Row:
    names = ("file", "kind", "format", "node", "first_us", "last_us", "row_count", "kept_count", "rejected_count")
    own = [_told(f) for f in findings if f["file"] == capture["file"]]
    about = {name: capture.get(name) for name in names}
    return about | {"interfaces": _interfaces(con, packet_files(folder, capture["capture_id"])), "findings": own}


def _told(finding: Row) -> Row:
    return {k: finding[k] for k in ("finding", "severity", "node", "line_number", "message", "remedy")}


def _interfaces(con: Connection, paths: Sequence[Path]) -> list[str]:
    if not paths:
        return []
    listed = ", ".join(literal(str(p)) for p in paths)
    query = f"SELECT DISTINCT interface FROM read_parquet([{listed}]) WHERE interface IS NOT NULL ORDER BY 1"
    return [str(i) for (i,) in con.sql(query).fetchall()]


def as_text(inputs: Inputs) -> str:
    """One line a file, then each finding with what to do about it."""
    rows = [_COLUMNS, *map(_line, inputs.files)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_COLUMNS))]
    table = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    told = [(f"{file['file']}: ", f) for file in inputs.files for f in file["findings"]]  # type: ignore[attr-defined]
    notes = [
        f"{f['severity']} {f['finding']}: {where}{f['message']}\n  {f['remedy']}"
        for where, f in [*told, *(("", f) for f in inputs.findings)]
    ]
    return "\n".join([table[0], "  ".join("─" * w for w in widths), *table[1:], *([""] if notes else []), *notes, ""])


def _line(file: Row) -> tuple[str, ...]:
    first, last = file["first_us"], file["last_us"]
    time = f"{fine_moment(first)} to {moment(last, '%H:%M:%S')}" if first is not None else ""
    names = sorted({str(f["finding"]) for f in file["findings"]})  # type: ignore[attr-defined]
    interfaces = ", ".join(file["interfaces"])  # type: ignore[arg-type]
    what = str(file["format"]) if file["format"] == file["kind"] else f"{file['format']} ({file['kind']})"
    numbers = (count(file["row_count"]), count(file["rejected_count"]))
    return (str(file["file"]), what, str(file["node"] or ""), interfaces, time, *numbers, ", ".join(names))
