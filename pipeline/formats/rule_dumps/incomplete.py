"""Dumps that end before they should, or have rules that cannot be read: a row says so, and nothing is certain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed
from pipeline.rules.dumps.dump_faults import CUT, CUT_SHORT, UNREAD
from pipeline.rules.grammar.ipsets import TABLE as SETS
from pipeline.schema.frames import frame

if TYPE_CHECKING:
    import polars as pl

    from pipeline.formats.base import Reject
    from pipeline.formats.source import Source
    from pipeline.schema import Row
    from pipeline.schema.findings import Finding


def marked(rows: pl.DataFrame, *, is_cut: bool, rejects: list[Reject]) -> pl.DataFrame:
    """Rows of `rules` with one more at the end, in the table and family of the last, if others may be missing."""
    import polars as pl

    last = rows.tail(1).to_dicts() if is_cut or rejects else []
    place = {name: row[name] for row in last for name in ("family", "table_name", "line_number", "text")}
    mark = place | {"chain": CUT_SHORT, "rule_number": 0, "target": "-", "spec": CUT if is_cut else UNREAD}
    return pl.concat([rows, frame("rules", [mark])], how="diagonal_relaxed") if last else rows


def listed(source: Source, rows: list[Row], rejects: list[Reject], findings: list[Finding]) -> Parsed:
    """What a form gives whose texts have no end of their own: they are whole if their last line is."""
    unread = (
        [] if rows and rows[0]["table_name"] == SETS else rejects
    )  # a set that lacks an entry is not certain itself
    table = marked(frame("rules", rows), is_cut=bool(source.unterminated_line), rejects=unread)
    return Parsed({"rules": table} if rows else {}, rejects, findings, len(table) + len(rejects))
