"""Reads delimited text with pyarrow: typed cells by line number; lines that have other cells are marked.

Decimal seconds, DECIMAL(19,9), come as whole microseconds.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.ingest.decimals import microseconds
from pipeline.store.duckdb_engine import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.formats.source import LineBlock
    from pipeline.store.duckdb_engine import Connection

_SECONDS = "DECIMAL(19,9)"
_ARROW_TYPES = {
    _SECONDS: pa.string(),
    "VARCHAR": pa.dictionary(pa.int32(), pa.string()),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "USMALLINT": pa.uint16(),
    "UINTEGER": pa.uint32(),
}
_FAULTY_COLUMN = re.compile(r"column #(\d+)")
_BLOCK_BYTES = 1 << 20


@dataclass(slots=True)
class Delimited:
    """A way to read pieces of one file: names and types of its columns, what separates cells.

    `loose` are the columns that some line filled with what is not of their type.
    """

    names: Sequence[str]
    types: Mapping[str, str]
    delimiter: str
    loose: set[str] = field(default_factory=set)

    def read(
        self, con: Connection, piece: LineBlock, left_out: Sequence[int] = ()
    ) -> tuple[pa.Table, np.ndarray] | None:
        """The rows of a piece with their `line_number`, and which of them have cells of another type or none at all.

        Lines with another number of cells and those at the places `left_out` are left out, and columns that `types`
        does not have. None if nothing can be read of it as such text.
        """
        short: list[int] = []
        table = self._rows(_cut(piece, left_out), short)
        numbers = np.delete(np.arange(piece.line_count), np.array(left_out, dtype=np.int64))
        if table is None or len(numbers) - len(short) != table.num_rows:
            return None  # e.g. two kinds of line ends in one file
        numbers = np.delete(numbers, np.array(short, dtype=np.int64) - 1)
        table, bad = self._tighten(con, table)
        table, no_times = self._times(con, table)
        bad |= no_times
        if "line_number" not in self.names:
            bad |= _blank_rows(table, piece, numbers)
            table = table.append_column("line_number", pa.array(numbers + piece.first_line))
        return table, bad

    def _rows(self, data: bytes, short: list[int]) -> pa.Table | None:
        """Parse as strictly as the lines allow: a column that some line fills otherwise becomes loose."""
        if not data.isascii():  # pyarrow complains of what is no UTF-8 on stderr
            data = data.decode("utf-8", "replace").encode()
        while True:
            short.clear()
            loose = frozenset(self.loose)  # another thread may add to it meanwhile
            try:
                return self._parse(data, short, loose)
            except pa.ArrowInvalid as e:
                faulty = _FAULTY_COLUMN.search(str(e))
                name = self.names[int(faulty[1])] if faulty else None
                if name is None or name in loose or self.types[name] in ("VARCHAR", _SECONDS):
                    return None
                self.loose.add(name)

    def _parse(self, data: bytes, short: list[int], loose: frozenset[str]) -> pa.Table:
        """Parse whole; places of lines with another number of cells, from 1, go to `short`."""

        def skip(row: csv.InvalidRow) -> str:
            short.append(row.number)
            return "skip"

        known = [n for n in self.names if n in self.types]
        table = csv.read_csv(
            pa.BufferReader(data),
            csv.ReadOptions(column_names=self.names, use_threads=False, block_size=_BLOCK_BYTES),
            csv.ParseOptions(
                delimiter=self.delimiter,
                quote_char=False,
                double_quote=False,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            csv.ConvertOptions(
                column_types={n: pa.string() if n in loose else _ARROW_TYPES[self.types[n]] for n in known},
                include_columns=known,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        return table.combine_chunks()

    def _times(self, con: Connection, table: pa.Table) -> tuple[pa.Table, np.ndarray]:
        """Turn seconds into microseconds; rows in which that cannot be done."""
        bad = np.zeros(len(table), bool)
        for place, name in enumerate(table.column_names):
            if self.types.get(name) == _SECONDS:
                found, is_bad = microseconds(con, table[name].combine_chunks())
                table, bad = table.set_column(place, name, found), bad | is_bad
        return table, bad

    def _tighten(self, con: Connection, table: pa.Table) -> tuple[pa.Table, np.ndarray]:
        """Give loose columns their type; rows in which that cannot be done."""
        loose = sorted(self.loose & set(table.column_names))
        if not loose:
            return table, np.zeros(len(table), bool)
        con.register("loose", table.select(loose))
        cast = [f"TRY_CAST({identifier(n)} AS {self.types[n]})" for n in loose]
        bad = " OR ".join(f"({identifier(n)} IS NOT NULL AND {c} IS NULL)" for n, c in zip(loose, cast, strict=True))
        typed = ", ".join(f"{c} AS {identifier(n)}" for n, c in zip(loose, cast, strict=True))
        found = con.sql(f"SELECT {typed}, {bad} AS bad FROM loose").to_arrow_table()
        con.unregister("loose")
        for name in loose:
            table = table.set_column(table.schema.get_field_index(name), name, found[name])
        return table, found["bad"].to_numpy()


def _cut(piece: LineBlock, lines: Sequence[int]) -> bytes:
    """The text of a piece without some of its lines."""
    if not len(lines):
        return piece.data
    begins = np.append(0, piece.line_ends[:-1] + 1)
    places = np.asarray(lines)
    cuts = zip([0, *(piece.line_ends[places] + 1)], [*begins[places], len(piece.data)], strict=True)
    return b"".join(piece.data[begin:end] for begin, end in cuts)


def _blank_rows(table: pa.Table, piece: LineBlock, numbers: np.ndarray) -> np.ndarray:
    """Which rows come of lines with nothing in them, not even what separates cells."""
    if not all(column.null_count for column in table.columns):
        return np.zeros(len(table), bool)
    empty = functools.reduce(pc.and_, map(pc.is_null, table.columns)).to_numpy()
    blank = [n for n, line in piece.lines((numbers[empty] + piece.first_line).tolist()) if not line]
    return np.isin(numbers + piece.first_line, blank)
