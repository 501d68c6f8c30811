"""Converts a column of decimal seconds to microseconds: the most frequent shape of text by numpy, others by DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pipeline.store.duckdb_engine import Connection

_WHOLE, _FRACTION = 10, 9  # digits of a DECIMAL(19,9)
_LONGEST = _WHOLE + 1 + _FRACTION
_NUMBER = r"^[\s\v\d._eE+-]+$"  # all texts that DuckDB may accept as a number


def microseconds(con: Connection, texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return the microseconds (int64) of texts (string) that are seconds, and which texts are no DECIMAL(19,9).

    Both results have one value for each text. Digits below a microsecond are cut off. A null stays null and is not bad.
    """
    values = np.zeros(len(texts), np.int64)
    is_null = np.asarray(texts.is_null())
    is_left = ~is_null
    rows, converted = _convert_most_frequent_shape(texts)
    values[rows] = converted
    is_left[rows] = False
    left = np.flatnonzero(is_left)
    bad = np.zeros(len(texts), bool)
    bad[left] = True
    left = left[np.asarray(pc.match_substring_regex(texts.take(pa.array(left)), _NUMBER))]
    if len(left):
        cast = _cast(con, texts.take(pa.array(left)))
        values[left] = cast.fill_null(0)
        bad[left] = cast.is_null()
    return pa.array(values, mask=is_null | bad), bad


def _convert_most_frequent_shape(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers and microseconds of texts that are digits, a point and digits, in the most frequent length."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(ends)
    width = int(np.bincount(np.minimum(lengths, _LONGEST + 1)).argmax()) if len(texts) else 0
    rows = np.flatnonzero(lengths == width)
    if not width:
        return rows[:0], rows[:0]
    windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), width)
    chars = np.ascontiguousarray(windows[ends[rows]].T)
    point = np.flatnonzero(chars[:, 0] == ord("."))
    if len(point) != 1 or not 1 <= point[0] <= _WHOLE or not 1 <= width - point[0] - 1 <= _FRACTION:
        return rows[:0], rows[:0]
    digits = np.delete(chars, point, axis=0) - np.uint8(ord("0"))
    is_good = (digits.max(axis=0) <= 9) & (chars[point[0]] == ord("."))
    values = np.zeros(len(rows), np.int64)
    for position in range(point[0] + 6):
        values *= 10
        if position < len(digits):
            values += digits[position]
    return rows[is_good], values[is_good]


def _cast(con: Connection, texts: pa.Array) -> pa.Array:
    """Convert by DuckDB; null for a text that is no number."""
    con.register("texts", pa.table({"text": texts}))
    seconds = con.sql("SELECT TRY_CAST(text AS DECIMAL(19,9)) AS s FROM texts").to_arrow_table()["s"].combine_chunks()
    con.unregister("texts")
    return pc.multiply(seconds.cast(pa.decimal128(16, 6), safe=False), pa.scalar(1_000_000)).cast(pa.int64())
