"""`conntrack -L` and `conntrack -E`: what a node's kernel made of each connection it translated."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.source import UNTERMINATED

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source

_TUPLE = r"src=([0-9a-fA-F.:]+) dst=([0-9a-fA-F.:]+)(?: sport=(\d{1,5}) dport=(\d{1,5}))?"
_ENTRY = (
    r"^\s*(?:\[(\d{1,11})\.(\d{6})\d*\])?\s*(?:\[(NEW|UPDATE|DESTROY)\])?\s*(?:ipv[46]\s+\d+\s+)?"
    rf"([a-z][\w-]*)\s+\d+\s.*?{_TUPLE}.*?\s{_TUPLE}"
)
_NO_ROW = r"^\s*$|^conntrack v|flow entries have been shown|flow events have been shown"
_ENDS = ("src_ip", "dst_ip", "src_port", "dst_port")
_COLUMNS = ("seconds", "micros", "event", "protocol", *_ENDS, *(f"reply_{c}" for c in _ENDS))


class Conntrack:
    """Entries of the connection tracking table, or events of it."""

    name = "conntrack"
    kind: Kind = "translations"
    sign = "two src= dst= pairs in a line"

    def recognise(self, head: str) -> int:
        """Sure where a line holds two tuples, one a direction."""
        return 95 if head.count("src=") > 1 and re.search(_ENTRY, head, re.MULTILINE) else 0

    def parse(self, source: Source) -> Parsed:
        """A row counts as an entry or an event; the tool's own summary is none."""
        import polars as pl

        numbered = pl.DataFrame(source.lines(), schema={"line_number": pl.Int64, "text": pl.String}, orient="row")
        rows = numbered.filter(~pl.col("text").str.contains(_NO_ROW)).with_columns(
            pl.col("text").str.extract(_ENTRY, i).alias(name) for i, name in enumerate(_COLUMNS, 1)
        )
        written = _as_written(rows)
        rows = rows.with_columns(pl.col(c).replace_strict(written, default=None) for c in _addresses())
        is_closed = pl.col("line_number") != (source.unterminated_line or 0)
        whole = pl.all_horizontal(is_closed, *(pl.col(c).is_not_null() for c in _addresses()))
        bad = rows.filter(~whole).select("line_number", "text").rows()
        rejects = [
            Reject(n, UNTERMINATED if n == source.unterminated_line else "no entry with two tuples", clip(t))
            for n, t in bad
        ]
        good = rows.filter(whole).select(
            "line_number",
            "event",
            "protocol",
            *_addresses(),
            *(pl.col(c).cast(pl.Int32) for c in _ports()),
            ts_us=pl.col("seconds").cast(pl.Int64) * 1_000_000 + pl.col("micros").cast(pl.Int64),
        )
        return Parsed({"conntrack": good} if good.height else {}, rejects, [], rows.height)


def _addresses() -> Iterable[str]:
    return [c for c in _COLUMNS if c.endswith("_ip")]


def _ports() -> Iterable[str]:
    return [c for c in _COLUMNS if c.endswith("_port")]


def _as_written(rows: pl.DataFrame) -> dict[str, str]:
    """Each address that is one, as tshark writes it."""
    found = {a for c in _addresses() for a in rows[c].drop_nulls().unique()}
    return {a: str(ip_address(a)) for a in sorted(found) if _is_address(a)}


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


FORMAT = Conntrack()
