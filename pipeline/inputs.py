"""What a capture holds and what is wrong with it: the logic of `hopscope inputs`."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import Keep
from pipeline.formats import all_formats
from pipeline.ingest.discover import discover
from pipeline.ingest.duplicates import files as files_of
from pipeline.ingest.reader import Ingest
from pipeline.labelling.findings import capture_findings
from pipeline.store.duckdb_engine import connect, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.config import Limits
    from pipeline.ingest.discover import Input
    from pipeline.schema import Row
    from pipeline.store.duckdb_engine import Connection

_TOLD = ("finding", "severity", "node", "line_number", "message", "remedy")
_ABOUT = ("file", "kind", "format", "node", "first_us", "last_us", "row_count", "kept_count", "rejected_count")


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
    nodes: Mapping[str, Sequence[Path]] | None = None,
    cluster: Sequence[Path] = (),
    zeros: Mapping[str, str] | None = None,
) -> Inputs:
    """Read a capture whole and say what is in it; nothing is kept."""
    con = connect(limits)
    with tempfile.TemporaryDirectory(prefix="hopscope-", dir=limits.temp_dir) as name:
        folder = Path(name)
        inputs = discover(capture, nodes or {}, cluster, fields, limits, zeros)
        taken = Ingest(con, folder, fields, _keep(inputs), silent=True, limits=limits)
        taken.take_all(inputs)
        findings = [*taken.findings, *capture_findings(con, folder)]
        files = [_file(con, folder, c, findings) for c in taken.captures]
        con.close()
    return Inputs(files, [_told(f) for f in findings if not f["file"]])


def _keep(inputs: Sequence[Input]) -> Keep:
    """How much of the packets is needed: none, unless two exports of a node may hold the same."""
    exports = Counter(one.source.node for one in inputs if one.kind == "packets")
    return Keep.SLIM if max(exports.values(), default=0) > 1 else Keep.NONE


def _file(con: Connection, folder: Path, capture: Row, findings: Sequence[Row]) -> Row:
    own = [_told(f) for f in findings if f["file"] == capture["file"]]
    signs = {form.name: form.sign for form in all_formats()}
    return {
        **{name: capture.get(name) for name in _ABOUT},
        "sign": signs.get(str(capture["format"])),
        "interfaces": _interfaces(con, files_of(folder, "conversations", capture["capture_id"])),
        "findings": own,
    }


def _told(finding: Row) -> Row:
    return {k: finding[k] for k in _TOLD}


def _interfaces(con: Connection, paths: Sequence[Path]) -> list[str]:
    if not paths:
        return []
    listed = ", ".join(literal(str(p)) for p in paths)
    query = f"SELECT DISTINCT interface FROM read_parquet([{listed}]) WHERE interface IS NOT NULL ORDER BY 1"
    return [str(i) for (i,) in con.sql(query).fetchall()]
