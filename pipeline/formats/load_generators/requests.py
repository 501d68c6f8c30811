"""The common part of load generators: one request per line; its columns are polars expressions over the line's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.source import UNTERMINATED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from pipeline.formats.source import Source


def read_requests(
    source: Source, columns: Mapping[str, pl.Expr], *, is_row: pl.Expr, is_valid: pl.Expr, reason: str
) -> Parsed:
    """Return one row per line that is not blank and `is_row`; if it is not valid, it is a reject with this `reason`."""
    import polars as pl

    lines = pl.DataFrame(source.lines(), schema={"line_number": pl.Int64, "text": pl.String}, orient="row")
    rows = lines.filter(is_row & (pl.col("text").str.strip_chars() != ""))
    # A last line without a newline may lack its last digits; a JSON object that ends is whole.
    is_terminated = (pl.col("line_number") != (source.unterminated_line or 0)) | pl.col("text").str.ends_with("}")
    is_valid = is_valid.fill_null(value=False) & is_terminated
    invalid = rows.filter(~is_valid).rows()
    rejects = [Reject(n, UNTERMINATED if n == source.unterminated_line else reason, clip(t)) for n, t in invalid]
    requests = rows.filter(is_valid).select("line_number", **columns)
    return Parsed({"client_requests": requests} if requests.height else {}, rejects, [], rows.height)


def json_value(path: str) -> pl.Expr:
    """The value at a path of a line that is JSON; null if there is none, or the line is no JSON."""
    import polars as pl

    return pl.col("text").str.json_path_match(path)


def as_integer(text: pl.Expr) -> pl.Expr:
    """The text as a 32-bit integer; null if it is none."""
    import polars as pl

    return text.cast(pl.Int32, strict=False)


def as_microseconds(text: pl.Expr, unit_us: int) -> pl.Expr:
    """A decimal number in a unit of `unit_us` microseconds, as whole microseconds; null if it is no number."""
    import polars as pl

    return (text.cast(pl.Float64, strict=False) * unit_us).round().cast(pl.Int64, strict=False)
