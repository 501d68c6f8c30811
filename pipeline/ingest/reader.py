"""Reads the inputs of a capture into the Parquet files of one run; every row is kept or rejected, and counted."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import pyarrow as pa

from pipeline.config import LEAST_PIECE, Keep, Limits
from pipeline.diagnostics import detail, progress, warn
from pipeline.errors import HopscopeError, InputError
from pipeline.formats.base import Parsed, Reject, clip
from pipeline.ingest import capture_checks, duplicates
from pipeline.ingest.archives import stamp_us
from pipeline.ingest.flow_builder import Conversations
from pipeline.ingest.object_history import merged
from pipeline.ingest.packet_reader import PacketFile, Seen
from pipeline.ingest.reuse import Earlier
from pipeline.ingest.worker_pool import Helpers, side_by_side
from pipeline.schema import TABLES, Row
from pipeline.schema.findings import Finding
from pipeline.schema.frames import POLARS_TYPES, frame
from pipeline.store.lake import link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl

    from pipeline.formats.base import Format, Parser
    from pipeline.formats.source import Source
    from pipeline.ingest.discover import Input
    from pipeline.store.duckdb_engine import Connection


_MOST_AHEAD = 4  # pieces of an export, each with its text in memory


@dataclass(slots=True)
class Ingest:
    """Takes inputs one by one into `folder` (the run's own), and writes the small tables at the end.

    Findings are told as they are found, unless `silent`.
    """

    con: Connection
    folder: Path
    fields: Sequence[str] = ()
    keep: Keep = Keep.ALL
    earlier: Earlier = field(default_factory=Earlier)
    silent: bool = False
    limits: Limits = field(default_factory=Limits)
    seen: Seen = field(default_factory=Seen)
    captures: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)
    findings: list[Row] = field(default_factory=list)
    frames: dict[str, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    dumps: dict[tuple[str, str], Parsed] = field(default_factory=dict)

    def take_all(self, inputs: Sequence[Input]) -> None:
        """Take over what an earlier run has read, read all else in turn, then look at the capture as a whole."""
        new = []
        for one in inputs:
            if known := self.earlier.capture(one):
                self._take_over(one, known)
            else:
                new.append(one)
        sizes = [one.source.path.lstat().st_size for one in new]
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            progress(len(new), sum(sizes)) as shown,
            self._readers(new) as readers,
            closing(side_by_side(readers.pool, partial(self._read, readers), new)) as found,
        ):
            for one, size in zip(new, sizes, strict=True):
                shown.file(one.source.name, size, partial(getattr, one.source, "read_bytes"))
                self._note(one, next(found))
        pa.default_memory_pool().release_unused()
        self.finish()

    @contextmanager
    def _readers(self, inputs: Sequence[Input]) -> Iterator[Helpers]:
        """Threads to read with; where several have an export each, the engine needs no threads of its own."""
        ((threads,),) = self.con.sql("SELECT current_setting('threads')").fetchall()
        readers = max(1, min(int(threads), self.limits.piece_bytes // LEAST_PIECE))
        at_once = max(1, min(readers, sum(one.kind == "packets" for one in inputs)))
        if at_once > 1:
            self.con.execute("SET threads = 1")
        alone = nullcontext() if self.limits.memory_limit is None else RLock()
        pool = ThreadPoolExecutor(readers)
        yield Helpers(pool, min(2 * (readers - 1), _MOST_AHEAD), self.limits.piece_bytes // at_once, alone)
        self.con.execute(f"SET threads = {threads}")

    def _read(self, helpers: Helpers, one: Input) -> Row:
        """The counts of an export of packets, read; of other inputs nothing yet."""
        row: Row = {"row_count": 0, "kept_count": 0, "rejected_count": 0}
        if one.kind != "packets":
            return row
        con = self.con.cursor()
        try:
            return row | self._packets(con, one, helpers)
        except InputError as e:
            one.findings.append(Finding.declared("unreadable-file", str(e), e.hint or ""))
            return row
        finally:
            con.close()

    def _note(self, one: Input, row: Row) -> None:
        """Note what was read of one input; what is no export of packets is read now."""
        detail(f"reading {one.source.name} as {one.form.name if one.form else 'nothing known'}")
        if one.form is not None and one.kind != "packets":
            row |= self._gather(one, self._parsed(one, cast("Parser", one.form)))
        if one.source.read_error:
            one.findings.append(_truncated(one.source))
        self._note_findings(one)
        _check(one, row)
        self.captures.append(row | _identity(one))

    def _parsed(self, one: Input, form: Parser) -> Parsed:
        """What an input holds; a dump of rules that another node has byte for byte is read once."""
        key = (form.name, one.sha256)
        if form.kind != "rules" or key not in self.dumps:
            parsed = form.parse(one.source)
            if form.kind != "rules" or not one.sha256 or one.source.read_error:
                return parsed
            self.dumps[key] = parsed
        return self.dumps[key]

    def finish(self) -> None:
        """Look at the capture as a whole, and write the tables that are gathered over all inputs."""
        self._note_all(duplicates.leave_out(self.con, self.folder, self.captures))
        known = [str(n) for f in self.frames["nodes"] for n in f["node"].to_list()] if "nodes" in self.frames else []
        self._note_all(capture_checks.gaps(self.captures, known))
        self.frames["captures"].append(frame("captures", self.captures))
        self.frames["rejects"].append(frame("rejects", self.rejects))
        self.frames["findings"].append(frame("findings", self.findings))
        for table, frames in self.frames.items():
            write_frames(self.folder, table, frames)

    def _take_over(self, one: Input, row: Row) -> None:
        detail(f"{one.source.name} has not changed since the run was made; not read again")
        for table in ("packets", "conversations", "icmp_errors", "rejects"):
            for path in self.earlier.parts(table, one.capture_id):
                folder = self._place(table, one) if table != "rejects" else self.folder / table
                link(path, folder / path.name)
        for table, rows in self.earlier.rows(one.capture_id).items():
            self.frames[table].append(rows)
        self._note_all(f for f in self.earlier.findings if f["file"] == one.source.name)
        self.captures.append(row)

    def _packets(self, con: Connection, one: Input, helpers: Helpers) -> Row:
        packets, conversations = (self._place(table, one) for table in ("packets", "conversations"))
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="spare-", dir=self.folder) as spare:
            rows = Conversations(con, one.capture_id, packets, conversations, Path(spare), self.keep, helpers)
            file = PacketFile(one.source, rows, self.folder / "rejects", self.seen)
            tally = file.read(cast("Format", one.form), self.fields)
        one.findings += tally.findings
        if not tally.read_count:
            remedy = "tshark loses what it buffered when it is killed; capture again with -l"
            one.findings.append(Finding.declared("empty-export", "holds no packet", remedy))
        one.findings += capture_checks.tunnels(con, conversations / f"{one.capture_id}.parquet")
        return {
            "row_count": tally.read_count,
            "kept_count": tally.kept_count,
            "rejected_count": tally.rejected_count,
            "first_us": rows.first_us,
            "last_us": rows.last_us,
        }

    def _place(self, table: str, one: Input) -> Path:
        """The folder of a table's rows of the node that an input is from."""
        return self.folder / table / f"node={quote(one.source.node or 'unknown')}"

    def _note_all(self, findings: Iterable[Row]) -> None:
        for f in findings:
            if f["severity"] != "note" and not self.silent:
                where = ":".join(str(f[k]) for k in ("file", "line_number") if f[k])
                warn(str(f["message"]), where=where or None, hint=str(f["remedy"]))
            self.findings.append(f)

    def _gather(self, one: Input, parsed: Parsed) -> Row:
        import polars as pl

        identity = {"node": one.source.node, "capture_id": one.capture_id, "file": one.source.name}
        for table, rows in parsed.tables.items():
            missing = {k: v for k, v in identity.items() if _declares(table, k) and k not in rows.columns}
            self.frames[table].append(rows.with_columns(**{k: pl.lit(v, pl.String) for k, v in missing.items()}))
        self.rejects += [_reject_row(one, r) for r in parsed.rejects]
        one.findings += parsed.findings
        rejected, stamp = len(parsed.rejects), stamp_us(one.source.name)
        return {
            "row_count": parsed.row_count,
            "kept_count": parsed.row_count - rejected,
            "rejected_count": rejected,
            "taken_us": stamp or parsed.taken_us,
            "taken_in_utc": stamp is not None,
        }

    def _note_findings(self, one: Input) -> None:
        self._note_all(finding.row(one.source.node, one.source.name) for finding in one.findings)


def write_frames(folder: Path, table: str, frames: Sequence[pl.DataFrame]) -> None:
    """Write frames of one table to one Parquet file, every declared column there; each thing once."""
    import polars as pl

    columns = TABLES[table].file_columns
    whole = pl.concat([frame(table, []), *frames], how="diagonal_relaxed")
    missing = [c.name for c in columns if c.name not in whole.columns]
    whole = whole.with_columns(**{name: pl.lit(None) for name in missing})
    whole = whole.select(pl.col(c.name).cast(getattr(pl, POLARS_TYPES[c.type])) for c in columns)
    path = folder / table / "part.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    merged(table, whole).write_parquet(path)


def _check(one: Input, row: Row) -> None:
    """Nothing is lost silently: rows read = kept + rejected."""
    read, kept, rejected = (int(str(row[k])) for k in ("row_count", "kept_count", "rejected_count"))
    if read != kept + rejected:
        message = f"read {read} rows, kept {kept}, rejected {rejected}: {read - kept - rejected} are lost"
        raise HopscopeError(message, where=one.source.name, hint="this is a defect of hopscope; please report it")


def _identity(one: Input) -> Row:
    path = one.source.path
    return {
        "capture_id": one.capture_id,
        "node": one.source.node,
        "file": one.source.name,
        "kind": one.kind,
        "format": one.form.name if one.form else "unknown",
        "file_bytes": path.lstat().st_size,
        "sha256": one.sha256 or None,
    }


def _reject_row(one: Input, reject: Reject) -> Row:
    return {
        "capture_id": one.capture_id,
        "file": one.source.name,
        "line_number": reject.line_number,
        "reason": reject.reason,
        "text": clip(reject.text),
    }


def _declares(table: str, column: str) -> bool:
    return column in {c.name for c in TABLES[table].file_columns}


def _truncated(source: Source) -> Finding:
    message = f"its compressed data ends early ({source.read_error}); what came before is read"
    return Finding.declared("truncated-file", message, "the rest is lost; copy the file again, or capture again")
