"""Rules that end before they should: what is missing is not known, and a row says so, so that nothing is certain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, frame
from pipeline.rules.faults import CUT_SHORT

if TYPE_CHECKING:
    import polars as pl

    from pipeline.formats.base import Finding, Reject, Source
    from pipeline.schema import Row


def marked(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `rules` with one more at the end, in the table and family of the last, for all that may be missing."""
    import polars as pl

    last = rows.tail(1).to_dicts()
    place = {name: row[name] for row in last for name in ("family", "table_name", "line_number", "text")}
    mark = frame("rules", [place | {"chain": CUT_SHORT, "rule_number": 0, "target": "-", "spec": ""}] if last else [])
    return pl.concat([rows, mark], how="diagonal_relaxed")


def listed(source: Source, rows: list[Row], rejects: list[Reject], findings: list[Finding]) -> Parsed:
    """What a form gives whose texts have no end of their own: they are whole if their last line is."""
    table = marked(frame("rules", rows)) if source.open_line else frame("rules", rows)
    return Parsed({"rules": table} if rows else {}, rejects, findings, len(table) + len(rejects))
