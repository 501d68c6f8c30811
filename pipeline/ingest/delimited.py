"""Reads delimited text with pyarrow into typed columns, and reports which rows have cells of another type.

Decimal seconds, DECIMAL(19,9), become whole microseconds.
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
    """How to read blocks of one file: names and types of its columns, and the character between cells.

    `loose` are the columns in which some line has a value of another type: they are read as text first.
    """

    names: Sequence[str]
    types: Mapping[str, str]
    delimiter: str
    loose: set[str] = field(default_factory=set)

    def read(self, con: Connection, block: LineBlock, skip: Sequence[int] = ()) -> tuple[pa.Table, np.ndarray] | None:
        """Return the rows of a block with their `line_number`, and which of them are bad: blank, or of another type.

        The lines at the indexes `skip` are left out, and lines with another number of cells, and columns without a
        type. None if the block cannot be read as such text.
        """
        uneven: list[int] = []
        table = self._parse(_without_lines(block, skip), uneven)
        indexes = np.delete(np.arange(block.line_count), np.array(skip, dtype=np.int64))
        if table is None or len(indexes) - len(uneven) != table.num_rows:
            return None  # e.g. two kinds of line ends in one file
        indexes = np.delete(indexes, np.array(uneven, dtype=np.int64) - 1)
        table, bad = self._cast_loose_columns(con, table)
        table, bad_times = self._convert_times(con, table)
        bad |= bad_times
        if "line_number" not in self.names:
            bad |= _blank_rows(table, block, indexes)
            table = table.append_column("line_number", pa.array(indexes + block.first_line))
        return table, bad

    def _parse(self, data: bytes, uneven: list[int]) -> pa.Table | None:
        """Parse with typed columns; a column with a value of another type becomes loose, and all is parsed again."""
        if not data.isascii():  # pyarrow reports invalid UTF-8 on stderr
            data = data.decode("utf-8", "replace").encode()
        while True:
            uneven.clear()
            loose = frozenset(self.loose)  # another thread may add to it at the same time
            try:
                return self._read_csv(data, uneven, loose)
            except pa.ArrowInvalid as e:
                faulty = _FAULTY_COLUMN.search(str(e))
                name = self.names[int(faulty[1])] if faulty else None
                if name is None or name in loose or self.types[name] in ("VARCHAR", _SECONDS):
                    return None
                self.loose.add(name)

    def _read_csv(self, data: bytes, uneven: list[int], loose: frozenset[str]) -> pa.Table:
        """Parse once; the numbers of lines with another number of cells, from 1, are added to `uneven`."""

        def skip(row: csv.InvalidRow) -> str:
            uneven.append(row.number)
            return "skip"

        typed = [n for n in self.names if n in self.types]
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
                column_types={n: pa.string() if n in loose else _ARROW_TYPES[self.types[n]] for n in typed},
                include_columns=typed,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        return table.combine_chunks()

    def _convert_times(self, con: Connection, table: pa.Table) -> tuple[pa.Table, np.ndarray]:
        """Convert seconds to microseconds; also returns the rows in which that fails."""
        bad = np.zeros(len(table), bool)
        for index, name in enumerate(table.column_names):
            if self.types.get(name) == _SECONDS:
                times, is_bad = microseconds(con, table[name].combine_chunks())
                table, bad = table.set_column(index, name, times), bad | is_bad
        return table, bad

    def _cast_loose_columns(self, con: Connection, table: pa.Table) -> tuple[pa.Table, np.ndarray]:
        """Cast loose columns to their type; also returns the rows in which that fails."""
        loose = sorted(self.loose & set(table.column_names))
        if not loose:
            return table, np.zeros(len(table), bool)
        con.register("loose", table.select(loose))
        cast = [f"TRY_CAST({identifier(n)} AS {self.types[n]})" for n in loose]
        bad = " OR ".join(f"({identifier(n)} IS NOT NULL AND {c} IS NULL)" for n, c in zip(loose, cast, strict=True))
        typed = ", ".join(f"{c} AS {identifier(n)}" for n, c in zip(loose, cast, strict=True))
        columns = con.sql(f"SELECT {typed}, {bad} AS bad FROM loose").to_arrow_table()
        con.unregister("loose")
        for name in loose:
            table = table.set_column(table.schema.get_field_index(name), name, columns[name])
        return table, columns["bad"].to_numpy()


def _without_lines(block: LineBlock, lines: Sequence[int]) -> bytes:
    """The text of a block without the lines at some indexes."""
    if not len(lines):
        return block.data
    begins = np.append(0, block.line_ends[:-1] + 1)
    indexes = np.asarray(lines)
    kept = zip([0, *(block.line_ends[indexes] + 1)], [*begins[indexes], len(block.data)], strict=True)
    return b"".join(block.data[begin:end] for begin, end in kept)


def _blank_rows(table: pa.Table, block: LineBlock, indexes: np.ndarray) -> np.ndarray:
    """Which rows are of empty lines: without even a separator."""
    if not all(column.null_count for column in table.columns):
        return np.zeros(len(table), bool)
    empty = functools.reduce(pc.and_, map(pc.is_null, table.columns)).to_numpy()
    blank = [n for n, line in block.lines((indexes[empty] + block.first_line).tolist()) if not line]
    return np.isin(indexes + block.first_line, blank)
