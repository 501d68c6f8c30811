"""What load generators have in common: a request a line, whose columns are expressions over the text of the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.source import UNTERMINATED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from pipeline.formats.source import Source


def read_requests(
    source: Source, columns: Mapping[str, pl.Expr], *, is_row: pl.Expr, is_whole: pl.Expr, reason: str
) -> Parsed:
    """A row counts as a line that `is_row`; one that is not whole is a reject for this `reason`."""
    import polars as pl

    numbered = pl.DataFrame(source.lines(), schema={"line_number": pl.Int64, "text": pl.String}, orient="row")
    rows = numbered.filter(is_row)
    has_end = (pl.col("line_number") != (source.unterminated_line or 0)) | pl.col("text").str.ends_with("}")
    is_whole = is_whole.fill_null(value=False) & has_end
    bad = rows.filter(~is_whole).rows()
    rejects = [Reject(n, UNTERMINATED if n == source.unterminated_line else reason, clip(text)) for n, text in bad]
    good = rows.filter(is_whole).select("line_number", **columns)
    return Parsed({"client_requests": good} if good.height else {}, rejects, [], rows.height)


def from_json(path: str) -> pl.Expr:
    """The value at a path of a line that is JSON; nothing where there is none, or the line is broken."""
    import polars as pl

    return pl.col("text").str.json_path_match(path)


def whole_number(text: pl.Expr) -> pl.Expr:
    """A text as a small number; nothing where it is none."""
    import polars as pl

    return text.cast(pl.Int32, strict=False)


def microseconds(text: pl.Expr, unit_us: int) -> pl.Expr:
    """A decimal number of a unit of so many microseconds, rounded to whole ones."""
    import polars as pl

    return (text.cast(pl.Float64, strict=False) * unit_us).round().cast(pl.Int64, strict=False)
