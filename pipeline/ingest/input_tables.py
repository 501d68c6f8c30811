"""The tables of a run that are gathered over all its inputs and written at the end; every row is kept or rejected."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from pipeline.diagnostics import warn
from pipeline.errors import HopscopeError
from pipeline.formats.base import clip
from pipeline.ingest.object_history import merge_listings
from pipeline.schema import TABLES, Row
from pipeline.schema.frames import frame
from pipeline.store.tables import whole_table, write_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import polars as pl

    from pipeline.formats.base import Parsed, Reject
    from pipeline.ingest.capture import InputFile


@dataclass(slots=True)
class InputTables:
    """Rows of `captures`, `rejects` and `findings`, and frames of the other tables; `folder` is the run's own.

    Findings go to stderr as they are added, unless `silent`.
    """

    folder: Path
    silent: bool = False
    captures: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)
    findings: list[Row] = field(default_factory=list)
    frames: dict[str, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))

    @property
    def node_objects(self) -> list[str]:
        """Names of the Node objects."""
        return [str(n) for f in self.frames.get("nodes", ()) for n in f["node"].to_list()]

    def node_folder(self, table: str, input_file: InputFile) -> Path:
        """The folder for a table's rows from the node of an input."""
        return self.folder / table / f"node={quote(input_file.source.node or 'unknown')}"

    def add_input(self, input_file: InputFile, counts: Row) -> None:
        """Add the row of `captures` and the findings of one input.

        Raises:
            HopscopeError: the rows read are not the rows kept and rejected.
        """
        self.add_findings(f.row(input_file.source.node, input_file.source.name) for f in input_file.findings)
        _check_counts(input_file, counts)
        self.captures.append(counts | _identity(input_file))

    def add_parsed(self, input_file: InputFile, parsed: Parsed) -> Row:
        """Add the rows and rejects of a file that was parsed at once; return its counts and its time."""
        import polars as pl

        identity = {"node": input_file.source.node, "capture_id": input_file.capture_id, "file": input_file.source.name}
        for table, rows in parsed.tables.items():
            declared = {c.name for c in TABLES[table].file_columns} - set(rows.columns)
            missing = {k: pl.lit(v, pl.String) for k, v in identity.items() if k in declared}
            self.frames[table].append(rows.with_columns(**missing))
        self.rejects += [_reject_row(input_file, r) for r in parsed.rejects]
        input_file.findings += parsed.findings
        rejected_count, time_in_name = len(parsed.rejects), input_file.time_in_name_us
        return {
            "row_count": parsed.row_count,
            "kept_count": parsed.row_count - rejected_count,
            "rejected_count": rejected_count,
            "taken_us": time_in_name or parsed.taken_us,
            "taken_in_utc": time_in_name is not None,
        }

    def add_findings(self, findings: Iterable[Row]) -> None:
        """Add rows of `findings`; warn of those that are more than a note."""
        for f in findings:
            if f["severity"] != "note" and not self.silent:
                where = ":".join(str(f[k]) for k in ("file", "line_number") if f[k])
                warn(str(f["message"]), where=where or None, hint=str(f["remedy"]))
            self.findings.append(f)

    def write(self) -> None:
        """Write every table to one Parquet file."""
        for table, rows in (("captures", self.captures), ("rejects", self.rejects), ("findings", self.findings)):
            self.frames[table].append(frame(table, rows))
        for table, frames in self.frames.items():
            write_table(self.folder, table, merge_listings(table, whole_table(table, frames)))


def _check_counts(input_file: InputFile, counts: Row) -> None:
    """No row is lost silently: rows read = kept + rejected."""
    read, kept, rejected = (int(str(counts[k])) for k in ("row_count", "kept_count", "rejected_count"))
    if read != kept + rejected:
        message = f"read {read} rows, kept {kept}, rejected {rejected}: {read - kept - rejected} are lost"
        hint = "this is a defect of hopscope; please report it"
        raise HopscopeError(message, where=input_file.source.name, hint=hint)


def _identity(input_file: InputFile) -> Row:
    return {
        "capture_id": input_file.capture_id,
        "node": input_file.source.node,
        "file": input_file.source.name,
        "kind": input_file.kind,
        "format": input_file.form.name if input_file.form else "unknown",
        "file_bytes": input_file.source.path.lstat().st_size,
        "sha256": input_file.sha256 or None,
    }


def _reject_row(input_file: InputFile, reject: Reject) -> Row:
    return {
        "capture_id": input_file.capture_id,
        "file": input_file.source.name,
        "line_number": reject.line_number,
        "reason": reject.reason,
        "text": clip(reject.text),
    }
