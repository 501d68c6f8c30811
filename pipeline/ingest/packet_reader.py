"""The two roads of packets: a clean export is read piece by piece into columns; any other, line by line.

Lines that the fast road cannot read take the careful one. Both end in columns of `packets`.
"""

from __future__ import annotations

import csv
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.formats.addresses import is_address
from pipeline.formats.base import Format, Reject, clip
from pipeline.formats.source import Source
from pipeline.formats.tshark.field_names import TYPES
from pipeline.formats.tshark.fields_export import FORMAT as FIELDS
from pipeline.formats.tshark.fields_export import TsharkFields
from pipeline.formats.tshark.layout import header
from pipeline.formats.tshark.packet_columns import doubtful, packets
from pipeline.formats.tshark.pcap import TsharkPcap, export
from pipeline.ingest.delimited import Delimited
from pipeline.schema.findings import Finding
from pipeline.store.duckdb_engine import literal, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.formats.source import LineBlock
    from pipeline.formats.tshark.layout import Layout
    from pipeline.formats.tshark.packet_row import Line
    from pipeline.ingest.flow_builder import Conversations

_PIECE_BYTES = 8 * 1024 * 1024  # what is larger, the allocator takes from the system and gives back each time
_UNIT = "\x1f"
_PLAIN = str.maketrans({"\n": " ", "\r": " ", "\x00": "\ufffd", _UNIT: "\ufffd"})
_ADDRESSES = ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst")
_ROW_TYPES = {"line_number": "BIGINT"} | TYPES
_REJECT_TYPES = {"line_number": "BIGINT", "reason": "VARCHAR", "text": "VARCHAR"}


class PacketForm(Format, Protocol):
    """A form whose packets Python reads."""

    def lines(self, source: Source) -> Iterator[Line]:
        """A row, a reject or a finding for each line that is none of the noise around packets."""
        ...


@dataclass(slots=True)
class Tally:
    """What a road made of a file."""

    read_count: int = 0
    kept_count: int = 0
    rejected_count: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class Seen:
    """Addresses known to be addresses, and fields known to hold, in some line, what is not of their type."""

    addresses: set[str] = field(default_factory=set)
    loose: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Batch:
    """Rows of several pieces on their way into `conversations`: taken for `limit` bytes of text at once."""

    conversations: Conversations
    limit: int
    has_streams: bool
    tables: list[pa.Table] = field(default_factory=list)
    byte_count: int = 0

    def add(self, table: pa.Table, byte_count: int) -> None:
        """Take the rows of a piece of so many bytes."""
        self.tables.append(table)
        self.byte_count += byte_count
        if self.byte_count >= self.limit:
            self.take()

    def take(self) -> None:
        """Pass on what has come together."""
        if self.tables:
            rows = pa.concat_tables(self.tables).unify_dictionaries()
            (self.conversations.add if self.has_streams else self.conversations.defer)(rows)
        self.tables, self.byte_count = [], 0


class _OtherHeaderError(Exception):
    """A line in between names other columns than those the file began with."""


@dataclass(slots=True)
class PacketFile:
    """One export on its way into `conversations`, its rejects into a folder.

    `seen` is what exports have in common that are read one after the other.
    """

    source: Source
    conversations: Conversations
    rejects: Path
    seen: Seen

    def read(self, form: Format, fields: Sequence[str]) -> Tally:
        """Read it by the road that its form allows."""
        if isinstance(form, TsharkFields):
            tally = self._fields(form, form.layout(self.source.head(), fields))
        elif isinstance(form, TsharkPcap):
            exported, layout, findings = export(self.source, self.conversations.spare)
            tally = replace(self, source=exported)._fields(FIELDS, layout)
            tally.findings += findings
        else:
            tally = self._careful(cast("PacketForm", form).lines(self.source))
        self.conversations.finish()
        return tally

    def _fields(self, form: TsharkFields, layout: Layout) -> Tally:
        if layout.fast:
            tally = Tally()
            try:
                left = self._careful(form.lines(self._fast(layout, tally), layout, self.source.time_zero))
            except _OtherHeaderError:
                self.conversations.forget()
            else:
                counts = (tally.read_count + left.read_count, tally.kept_count + left.kept_count, left.rejected_count)
                return Tally(*counts, left.findings)
        return self._careful(form.lines(self.source.lines(), layout, self.source.time_zero))

    def _fast(self, layout: Layout, tally: Tally) -> Iterator[tuple[int, str]]:
        """Take what can be read at once, count it, and give the lines that are left."""
        helpers = self.conversations.helpers
        batch = _Batch(self.conversations, helpers.piece_bytes, "tcp.stream" in layout.fields)
        pieces = self.source.line_blocks(min(_PIECE_BYTES, helpers.piece_bytes), layout.header_lines)
        for piece, table in helpers.each(partial(self._cells, layout), pieces):
            if table is not None:
                tally.read_count += table.num_rows
                tally.kept_count += table.num_rows
                batch.add(table, len(piece.data))
            for number, line in piece.lines(_left(piece, table)):
                if line and _other_header(line, layout):
                    raise _OtherHeaderError
                yield number, line
        batch.take()

    def _cells(self, layout: Layout, piece: LineBlock) -> tuple[LineBlock, pa.Table | None]:
        """A piece with the packets of it that need no second look; other threads read other pieces meanwhile."""
        if piece.first_line == self.source.unterminated_line:
            return piece, None
        text = Delimited(_unique(layout.fields), TYPES, layout.delimiter, self.seen.loose)
        bare = piece.remove_char(layout.quote)
        with closing(self.conversations.con.cursor()) as con:
            found = text.read(con, bare, _lists(bare, layout.delimiter))
        return piece, found and packets(self._undoubted(*found, layout), self.conversations.capture_id)

    def _undoubted(self, table: pa.Table, bad: np.ndarray, layout: Layout) -> pa.Table:
        """The good rows that need no second look: one header filled their cells, and addresses are addresses."""
        is_left = pc.or_(pa.array(bad), doubtful(table, layout.fields))
        for name in _ADDRESSES:
            if name in table.column_names and (strange := self._no_addresses(table[name])):
                is_left = pc.or_(is_left, pc.is_in(table[name].cast(pa.string()), pa.array(strange)))
        return table.filter(pc.invert(is_left)) if pc.any(is_left).as_py() else table

    def _no_addresses(self, texts: pa.ChunkedArray) -> list[str]:
        strange = []
        for text in texts.unify_dictionaries().chunk(0).dictionary.to_pylist() if texts.num_chunks else []:
            if text not in self.seen.addresses:
                if is_address(text):
                    self.seen.addresses.add(text)
                else:
                    strange.append(text)
        return strange

    def _careful(self, lines: Iterable[Line]) -> Tally:
        """Take rows of `lines`, which are read one by one; write their rejects."""
        tally = Tally()
        spare = self.conversations.spare
        rows, rejects = spare / "rows", spare / "rejects"
        with rows.open("w", newline="") as f, rejects.open("w", newline="") as g:
            cells, bad = (csv.writer(h, delimiter=_UNIT, quoting=csv.QUOTE_NONE, quotechar=None) for h in (f, g))
            for line in lines:
                if isinstance(line, Finding):
                    tally.findings.append(line)
                    continue
                tally.read_count += 1
                if isinstance(line, Reject):
                    tally.rejected_count += 1
                    bad.writerow([line.line_number, line.reason.translate(_PLAIN), clip(line.text).translate(_PLAIN)])
                else:
                    cells.writerow([line[0], *map(line[1].get, TYPES)])
        for table in self._prepared(rows, _ROW_TYPES):
            tally.kept_count += table.num_rows
            self.conversations.defer(packets(table, self.conversations.capture_id))
        self._write_rejects(rejects)
        return tally

    def _prepared(self, path: Path, types: dict[str, str]) -> Iterator[pa.Table]:
        """The rows of a file of our own making."""
        text = Delimited(list(types), types, _UNIT)
        for piece in Source(path, path.name).line_blocks(self.conversations.helpers.piece_bytes):
            if found := text.read(self.conversations.con, piece):
                table, bad = found
                yield table.filter(pa.array(~bad)) if bad.any() else table

    def _write_rejects(self, path: Path) -> None:
        con, capture_id = self.conversations.con, self.conversations.capture_id
        for number, table in enumerate(self._prepared(path, _REJECT_TYPES)):
            con.register("bad_lines", table)
            named = f"SELECT {literal(capture_id)} AS capture_id, {literal(self.source.name)} AS file, * FROM bad_lines"
            write_parquet(con, named, self.rejects / f"{capture_id}-{number:04}.parquet")
            con.unregister("bad_lines")


def _lists(piece: LineBlock, delimiter: str) -> Sequence[int]:
    """Places of the lines with several values in a cell, if these are few: no column could keep its type with them."""
    if delimiter == "," or not (found := list(piece.first_in_each_line(b","))):
        return ()
    lines = np.searchsorted(piece.line_ends, found).tolist()
    return lines if len(lines) * 20 < piece.line_count else ()


def _left(piece: LineBlock, table: pa.Table | None) -> Iterable[int]:
    """Numbers of the lines of a piece that are not in a table made of it."""
    lines = np.arange(piece.first_line, piece.first_line + piece.line_count)
    taken = [] if table is None else table["line_number"].to_numpy() - piece.first_line
    return map(int, np.delete(lines, taken))


def _unique(names: Sequence[str]) -> list[str]:
    """Names made distinct: of two columns with one name, the last keeps it (tshark leaves the first empty)."""
    last = {name: place for place, name in enumerate(names)}
    return [name if last[name] == place else f"{name} ({place})" for place, name in enumerate(names)]


def _other_header(text: str, layout: Layout) -> bool:
    named = header(text)
    return named is not None and named.fields != layout.fields
