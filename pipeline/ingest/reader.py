"""Reads the input files of a capture into the Parquet tables of one run.

Exports of packets are read in parallel by threads. All other inputs are small, and are parsed one after the other.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from pipeline.config import LEAST_PIECE
from pipeline.diagnostics import detail, progress
from pipeline.errors import InputError
from pipeline.ingest import capture_checks, duplicates
from pipeline.ingest.flow_builder import FlowBuilder
from pipeline.ingest.packet_reader import PacketReader, ReaderCache
from pipeline.ingest.worker_pool import WorkerPool, read_in_order
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.formats.base import Format, Parsed, Parser
    from pipeline.ingest.capture import Capture, InputFile
    from pipeline.ingest.input_tables import InputTables
    from pipeline.schema import Row
    from pipeline.store.duckdb_engine import Connection

_MOST_BLOCKS_AHEAD = 4  # blocks of an export that wait with their text in memory


def read_capture(con: Connection, tables: InputTables, input_files: Sequence[InputFile], capture: Capture) -> None:
    """Read the inputs into `tables`, check the capture as a whole, and write the tables."""
    CaptureReader(con, tables, capture).read_all(input_files)
    tables.add_findings(duplicates.leave_out(con, tables.folder, tables.captures))
    tables.add_findings(capture_checks.gaps(tables.captures, tables.node_objects))
    tables.write()


@dataclass(slots=True)
class CaptureReader:
    """Reads input files: packets straight to Parquet files of the run's folder, other rows into `tables`."""

    con: Connection
    tables: InputTables
    capture: Capture
    cache: ReaderCache = field(default_factory=ReaderCache)
    parsed_rules: dict[tuple[str, str], Parsed] = field(default_factory=dict)

    def read_all(self, input_files: Sequence[InputFile]) -> None:
        """Read the files in their order; several exports of packets are read at once."""
        sizes = [f.source.path.lstat().st_size for f in input_files]
        self.tables.folder.mkdir(parents=True, exist_ok=True)
        with (
            self._worker_pool(input_files) as pool,
            closing(read_in_order(pool.executor, partial(self._read_packets, pool), input_files)) as counts,
            progress(len(input_files), sum(sizes)) as shown,
        ):
            for input_file, size in zip(input_files, sizes, strict=True):
                shown.file(input_file.source.name, size, partial(getattr, input_file.source, "read_bytes"))
                self._add(input_file, next(counts))
        pa.default_memory_pool().release_unused()

    @contextmanager
    def _worker_pool(self, input_files: Sequence[InputFile]) -> Iterator[WorkerPool]:
        """Threads to read with. Where each has an export of its own, DuckDB needs no threads besides.

        With a memory limit, one export at a time is summed up in DuckDB.
        """
        limits = self.capture.limits
        ((threads,),) = self.con.sql("SELECT current_setting('threads')").fetchall()
        thread_count = max(1, min(int(threads), limits.piece_bytes // LEAST_PIECE))
        exports_at_once = max(1, min(thread_count, sum(f.kind == "packets" for f in input_files)))
        if exports_at_once > 1:
            self.con.execute("SET threads = 1")
        lock = nullcontext() if limits.memory_limit is None else RLock()
        ahead = min(2 * (thread_count - 1), _MOST_BLOCKS_AHEAD)
        yield WorkerPool(ThreadPoolExecutor(thread_count), ahead, limits.piece_bytes // exports_at_once, lock)
        self.con.execute(f"SET threads = {threads}")

    def _read_packets(self, pool: WorkerPool, input_file: InputFile) -> Row:
        """Read an export of packets; return its counts, and zeros for any other input. Runs in a thread of the pool."""
        counts: Row = {"row_count": 0, "kept_count": 0, "rejected_count": 0}
        if input_file.kind != "packets":
            return counts
        try:
            with closing(self.con.cursor()) as con:
                return counts | self._read_export(con, input_file, pool)
        except InputError as e:
            input_file.findings.append(Finding.declared("unreadable-file", str(e), e.hint or ""))
            return counts

    def _read_export(self, con: Connection, input_file: InputFile, pool: WorkerPool) -> Row:
        folder = self.tables.folder
        packets, conversations = (self.tables.node_folder(t, input_file) for t in ("packets", "conversations"))
        with tempfile.TemporaryDirectory(prefix="spare-", dir=folder) as spare:
            flows = FlowBuilder(
                con, input_file.capture_id, packets, conversations, Path(spare), self.capture.keep_packets, pool
            )
            reader = PacketReader(input_file.source, flows, folder / "rejects", self.cache)
            tally = reader.read(cast("Format", input_file.form), self.capture.fields)
        input_file.findings += tally.findings
        if not tally.read_count:
            remedy = "tshark loses what it buffered when it is killed; capture again with -l"
            input_file.findings.append(Finding.declared("empty-export", "holds no packet", remedy))
        input_file.findings += capture_checks.tunnels(con, conversations / f"{input_file.capture_id}.parquet")
        return {
            "row_count": tally.read_count,
            "kept_count": tally.kept_count,
            "rejected_count": tally.rejected_count,
            "first_us": flows.first_us,
            "last_us": flows.last_us,
        }

    def _add(self, input_file: InputFile, counts: Row) -> None:
        """Add one input to the tables; what is no export of packets is parsed now."""
        detail(f"reading {input_file.source.name} as {input_file.form.name if input_file.form else 'no known form'}")
        if input_file.form is not None and input_file.kind != "packets":
            counts |= self.tables.add_parsed(input_file, self._parse(input_file, cast("Parser", input_file.form)))
        if broken := input_file.source.read_error:
            message = f"its compressed data ends early ({broken}); only what comes before is read"
            remedy = "the rest is lost; copy the file again, or capture again"
            input_file.findings.append(Finding.declared("truncated-file", message, remedy))
        self.tables.add_input(input_file, counts)

    def _parse(self, input_file: InputFile, form: Parser) -> Parsed:
        """Parse an input; a dump of rules that is byte for byte the same on several nodes is parsed once."""
        key = (form.name, input_file.sha256)
        if parsed := self.parsed_rules.get(key):
            return parsed
        parsed = form.parse(input_file.source)
        if form.kind == "rules" and input_file.sha256 and not input_file.source.read_error:
            self.parsed_rules[key] = parsed
        return parsed
