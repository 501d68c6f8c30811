"""Reports a dump as incomplete if it ends early or has lines that cannot be read: one more row in `rules`.

The row's chain is `CUT_SHORT`. `pipeline/rules/dumps/dump_faults.py` reads it: no decision of such a dump is certain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed
from pipeline.rules.dumps.dump_faults import CUT, CUT_SHORT, UNREAD
from pipeline.rules.grammar.ipsets import TABLE as IPSET_TABLE
from pipeline.schema.frames import frame

if TYPE_CHECKING:
    import polars as pl

    from pipeline.formats.base import Reject
    from pipeline.formats.source import Source
    from pipeline.schema import Row
    from pipeline.schema.findings import Finding


def mark_incomplete(rows: pl.DataFrame, *, is_cut: bool, rejects: list[Reject]) -> pl.DataFrame:
    """Return the rows of `rules`; if rules may be missing, one more row at the end represents them.

    It has the family and table of the last row.
    """
    import polars as pl

    if not len(rows) or not (is_cut or rejects):
        return rows
    last = rows.row(-1, named=True)
    gap = {name: last[name] for name in ("family", "table_name", "line_number", "text")}
    gap |= {"chain": CUT_SHORT, "rule_number": 0, "target": "-", "spec": CUT if is_cut else UNREAD}
    return pl.concat([rows, frame("rules", [gap])], how="diagonal_relaxed")


def parsed_lines(source: Source, rows: list[Row], rejects: list[Reject], findings: list[Finding]) -> Parsed:
    """Return the content of a dump whose grammar has no end marker: it is complete if its last line has an end.

    A line of an ipset that cannot be read does not make the whole dump uncertain: only that set is.
    """
    is_ipset = bool(rows) and rows[0]["table_name"] == IPSET_TABLE
    is_cut = bool(source.unterminated_line)
    table = mark_incomplete(frame("rules", rows), is_cut=is_cut, rejects=[] if is_ipset else rejects)
    return Parsed({"rules": table} if rows else {}, rejects, findings, len(table) + len(rejects))
