"""Reads one export of packets: the vectorised reader takes blocks of lines, the line-by-line reader takes the others.

The vectorised reader needs a clean layout. Lines that it cannot read go to the line-by-line reader. Both readers give
columns of `packets`.
"""

from __future__ import annotations

import csv
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.formats.addresses import is_address
from pipeline.formats.base import Format, PacketForm, PacketResult, Reject, clip
from pipeline.formats.source import Source
from pipeline.formats.tshark.field_names import TYPES
from pipeline.formats.tshark.fields_export import FORMAT as FIELDS
from pipeline.formats.tshark.fields_export import TsharkFields
from pipeline.formats.tshark.layout import parse_header
from pipeline.formats.tshark.packet_columns import needs_line_reader, packet_table
from pipeline.formats.tshark.pcap import TsharkPcap, export_packets
from pipeline.ingest.delimited import Delimited
from pipeline.schema.findings import Finding
from pipeline.store.duckdb_engine import literal, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.formats.source import LineBlock
    from pipeline.formats.tshark.layout import Layout
    from pipeline.ingest.flow_builder import FlowBuilder

_BLOCK_BYTES = 8 * 1024 * 1024  # larger buffers are taken from the system and given back each time
_SEPARATOR = "\x1f"
_PLAIN = str.maketrans({"\n": " ", "\r": " ", "\x00": "\ufffd", _SEPARATOR: "\ufffd"})
_ADDRESSES = ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst")
_ROW_TYPES = {"line_number": "BIGINT"} | TYPES
_REJECT_TYPES = {"line_number": "BIGINT", "reason": "VARCHAR", "text": "VARCHAR"}


@dataclass(slots=True)
class Tally:
    """Counts and findings of one export."""

    read_count: int = 0
    kept_count: int = 0
    rejected_count: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class ReaderCache:
    """Results that all exports share: texts that are valid addresses, and columns with values of another type."""

    addresses: set[str] = field(default_factory=set)
    loose_columns: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Batch:
    """Packets of several blocks; they go to `flows` when they come from `limit` bytes of text."""

    flows: FlowBuilder
    limit: int
    has_streams: bool
    tables: list[pa.Table] = field(default_factory=list)
    byte_count: int = 0

    def add(self, table: pa.Table, byte_count: int) -> None:
        """Add the packets of a block of so many bytes."""
        self.tables.append(table)
        self.byte_count += byte_count
        if self.byte_count >= self.limit:
            self.flush()

    def flush(self) -> None:
        """Pass the packets on."""
        if self.tables:
            rows = pa.concat_tables(self.tables).unify_dictionaries()
            (self.flows.add if self.has_streams else self.flows.defer)(rows)
        self.tables, self.byte_count = [], 0


class _OtherHeaderError(Exception):
    """A header inside the file names other columns than the first header."""


@dataclass(slots=True)
class PacketReader:
    """Reads one export into `flows`, and its rejects into the folder `rejects`."""

    source: Source
    flows: FlowBuilder
    rejects: Path
    cache: ReaderCache

    def read(self, form: Format, fields: Sequence[str]) -> Tally:
        """Read it with the reader that its form allows."""
        if isinstance(form, TsharkFields):
            tally = self._read_fields(form, form.layout(self.source.head(), fields))
        elif isinstance(form, TsharkPcap):
            exported, layout, findings = export_packets(self.source, self.flows.temporary_folder)
            tally = replace(self, source=exported)._read_fields(FIELDS, layout)
            tally.findings += findings
        else:
            tally = self._read_lines(cast("PacketForm", form).lines(self.source))
        self.flows.finish()
        return tally

    def _read_fields(self, form: TsharkFields, layout: Layout) -> Tally:
        """Read with both readers; line by line from the start if a header inside names other columns."""
        if layout.is_vectorisable:
            fast = Tally()
            try:
                slow = self._read_lines(form.lines(self._read_blocks(layout, fast), layout, self.source.time_zero))
            except _OtherHeaderError:
                self.flows.discard()
            else:
                counts = (fast.read_count + slow.read_count, fast.kept_count + slow.kept_count, slow.rejected_count)
                return Tally(*counts, slow.findings)
        return self._read_lines(form.lines(self.source.lines(), layout, self.source.time_zero))

    def _read_blocks(self, layout: Layout, tally: Tally) -> Iterator[tuple[int, str]]:
        """The vectorised reader: take and count the lines that it can read, and yield the others."""
        pool = self.flows.pool
        batch = _Batch(self.flows, pool.piece_bytes, "tcp.stream" in layout.fields)
        blocks = self.source.line_blocks(min(_BLOCK_BYTES, pool.piece_bytes), layout.header_lines)
        for block, table in pool.map_ordered(partial(self._read_block, layout), blocks):
            if table is not None:
                tally.read_count += table.num_rows
                tally.kept_count += table.num_rows
                batch.add(table, len(block.data))
            for number, line in block.lines(_lines_left(block, table)):
                if line and _is_other_header(line, layout):
                    raise _OtherHeaderError
                yield number, line
        batch.flush()

    def _read_block(self, layout: Layout, block: LineBlock) -> tuple[LineBlock, pa.Table | None]:
        """Return a block and the packets of its plain lines; runs in several threads at once."""
        if block.first_line == self.source.unterminated_line:
            return block, None
        text = Delimited(_unique(layout.fields), TYPES, layout.delimiter, self.cache.loose_columns)
        unquoted = block.remove_char(layout.quote)
        with closing(self.flows.con.cursor()) as con:
            parsed = text.read(con, unquoted, _lines_with_lists(unquoted, layout.delimiter))
        return block, parsed and packet_table(self._plain_rows(*parsed, layout), self.flows.capture_id)

    def _plain_rows(self, table: pa.Table, bad: np.ndarray, layout: Layout) -> pa.Table:
        """The rows that need no second look: one header filled their cells, and addresses are addresses."""
        is_left = pc.or_(pa.array(bad), needs_line_reader(table, layout.fields))
        for name in _ADDRESSES:
            if name in table.column_names and (invalid := self._invalid_addresses(table[name])):
                is_left = pc.or_(is_left, pc.is_in(table[name].cast(pa.string()), pa.array(invalid)))
        return table.filter(pc.invert(is_left)) if pc.any(is_left).as_py() else table

    def _invalid_addresses(self, texts: pa.ChunkedArray) -> list[str]:
        invalid = []
        for text in texts.unify_dictionaries().chunk(0).dictionary.to_pylist() if texts.num_chunks else []:
            if text not in self.cache.addresses:
                if is_address(text):
                    self.cache.addresses.add(text)
                else:
                    invalid.append(text)
        return invalid

    def _read_lines(self, lines: Iterable[PacketResult]) -> Tally:
        """The line-by-line reader: take the rows of `lines`, and write their rejects."""
        tally = Tally()
        rows, rejects = self.flows.temporary_folder / "rows", self.flows.temporary_folder / "rejects"
        with rows.open("w", newline="") as f, rejects.open("w", newline="") as g:
            good, bad = (csv.writer(h, delimiter=_SEPARATOR, quoting=csv.QUOTE_NONE, quotechar=None) for h in (f, g))
            for line in lines:
                if isinstance(line, Finding):
                    tally.findings.append(line)
                    continue
                tally.read_count += 1
                if isinstance(line, Reject):
                    tally.rejected_count += 1
                    bad.writerow([line.line_number, line.reason.translate(_PLAIN), clip(line.text).translate(_PLAIN)])
                else:
                    good.writerow([line[0], *map(line[1].get, TYPES)])
        for table in self._read_generated(rows, _ROW_TYPES):
            tally.kept_count += table.num_rows
            self.flows.defer(packet_table(table, self.flows.capture_id))
        self._write_rejects(rejects)
        return tally

    def _read_generated(self, path: Path, types: dict[str, str]) -> Iterator[pa.Table]:
        """Yield the rows of a file that `_read_lines` has written."""
        text = Delimited(list(types), types, _SEPARATOR)
        for block in Source(path, path.name).line_blocks(self.flows.pool.piece_bytes):
            if parsed := text.read(self.flows.con, block):
                table, bad = parsed
                yield table.filter(pa.array(~bad)) if bad.any() else table

    def _write_rejects(self, path: Path) -> None:
        con, capture_id = self.flows.con, self.flows.capture_id
        for number, table in enumerate(self._read_generated(path, _REJECT_TYPES)):
            con.register("bad_lines", table)
            named = f"SELECT {literal(capture_id)} AS capture_id, {literal(self.source.name)} AS file, * FROM bad_lines"
            write_parquet(con, named, self.rejects / f"{capture_id}-{number:04}.parquet")
            con.unregister("bad_lines")


def _lines_with_lists(block: LineBlock, delimiter: str) -> Sequence[int]:
    """Indexes of the lines with several values in a cell, if these are few: with them no column could keep its type."""
    if delimiter == "," or not (commas := list(block.first_in_each_line(b","))):
        return ()
    lines = np.searchsorted(block.line_ends, commas).tolist()
    return lines if len(lines) * 20 < block.line_count else ()


def _lines_left(block: LineBlock, table: pa.Table | None) -> Iterable[int]:
    """Numbers of the lines of a block that are not in its table."""
    lines = np.arange(block.first_line, block.first_line + block.line_count)
    taken = [] if table is None else table["line_number"].to_numpy() - block.first_line
    return map(int, np.delete(lines, taken))


def _unique(names: Sequence[str]) -> list[str]:
    """Names made distinct: of two columns with one name, the last keeps it (tshark leaves the first empty)."""
    last = {name: index for index, name in enumerate(names)}
    return [name if last[name] == index else f"{name} ({index})" for index, name in enumerate(names)]


def _is_other_header(text: str, layout: Layout) -> bool:
    other = parse_header(text)
    return other is not None and other.fields != layout.fields
