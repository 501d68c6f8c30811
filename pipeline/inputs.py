"""The logic of `hopscope inputs`: which files a capture has, what they contain, and what is wrong with them."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import Keep
from pipeline.formats import all_formats
from pipeline.ingest.discover import discover
from pipeline.ingest.duplicates import files as files_of
from pipeline.ingest.input_tables import InputTables
from pipeline.ingest.reader import read_capture
from pipeline.labelling.findings import capture_findings
from pipeline.store.duckdb_engine import connect, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ingest.capture import Capture, InputFile
    from pipeline.schema import Row
    from pipeline.store.duckdb_engine import Connection

_FINDING_COLUMNS = ("finding", "severity", "node", "line_number", "message", "remedy")
_FILE_COLUMNS = ("file", "kind", "format", "node", "first_us", "last_us", "row_count", "kept_count", "rejected_count")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Every file of a capture with its findings, and the findings about the capture as a whole."""

    files: list[Row]
    findings: list[Row]

    @property
    def faulty(self) -> bool:
        """Whether a line was rejected, or a finding is more than a note."""
        findings = [*self.findings, *(f for file in self.files for f in file["findings"])]  # type: ignore[attr-defined]
        return any(f["rejected_count"] for f in self.files) or any(f["severity"] != "note" for f in findings)


def look_at(capture: Capture) -> Inputs:
    """Read a capture in full and report what its files contain; nothing is kept."""
    con = connect(capture.limits)
    with tempfile.TemporaryDirectory(prefix="hopscope-", dir=capture.limits.temp_dir) as name:
        folder = Path(name)
        input_files = discover(capture)
        tables = InputTables(folder, silent=True)
        read_capture(con, tables, input_files, replace(capture, keep_packets=_packets_needed(input_files)))
        findings = [*tables.findings, *capture_findings(con, folder)]
        files = [_describe(con, folder, c, findings) for c in tables.captures]
        con.close()
    return Inputs(files, [_shown(f) for f in findings if not f["file"]])


def _packets_needed(input_files: Sequence[InputFile]) -> Keep:
    """How much of the packets is needed: none, unless two exports of a node may contain the same packets."""
    exports = Counter(f.source.node for f in input_files if f.kind == "packets")
    return Keep.SLIM if max(exports.values(), default=0) > 1 else Keep.NONE


def _describe(con: Connection, folder: Path, capture: Row, findings: Sequence[Row]) -> Row:
    signs = {form.name: form.sign for form in all_formats()}
    return {
        **{name: capture.get(name) for name in _FILE_COLUMNS},
        "sign": signs.get(str(capture["format"])),
        "interfaces": _interfaces(con, files_of(folder, "conversations", capture["capture_id"])),
        "findings": [_shown(f) for f in findings if f["file"] == capture["file"]],
    }


def _shown(finding: Row) -> Row:
    return {k: finding[k] for k in _FINDING_COLUMNS}


def _interfaces(con: Connection, paths: Sequence[Path]) -> list[str]:
    if not paths:
        return []
    listed = ", ".join(literal(str(p)) for p in paths)
    query = f"SELECT DISTINCT interface FROM read_parquet([{listed}]) WHERE interface IS NOT NULL ORDER BY 1"
    return [str(i) for (i,) in con.sql(query).fetchall()]
