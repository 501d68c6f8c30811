"""`conntrack -L` and `conntrack -E`: the connections that a node's kernel tracks, before and after NAT.

Each line with two tuples (one per direction) is read; the tool's own summary lines are skipped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.addresses import address, is_address
from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.source import UNTERMINATED

if TYPE_CHECKING:
    import polars as pl

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source

_TUPLE = r"src=([0-9a-fA-F.:]+) dst=([0-9a-fA-F.:]+)(?: sport=(\d{1,5}) dport=(\d{1,5}))?"
_ENTRY = (
    r"^\s*(?:\[(\d{1,11})\.(\d{6})\d*\])?\s*(?:\[(NEW|UPDATE|DESTROY)\])?\s*(?:ipv[46]\s+\d+\s+)?"
    rf"([a-z][\w-]*)\s+\d+\s.*?{_TUPLE}.*?\s{_TUPLE}"
)
_NO_ROW = r"^\s*$|^conntrack v|flow entries have been shown|flow events have been shown"
_TUPLE_COLUMNS = ("src_ip", "dst_ip", "src_port", "dst_port")
_COLUMNS = ("seconds", "micros", "event", "protocol", *_TUPLE_COLUMNS, *(f"reply_{c}" for c in _TUPLE_COLUMNS))
_ADDRESSES = [c for c in _COLUMNS if c.endswith("_ip")]
_PORTS = [c for c in _COLUMNS if c.endswith("_port")]


class Conntrack:
    """Entries of the connection tracking table, or events of it."""

    name = "conntrack"
    kind: Kind = "translations"
    sign = "two src= dst= pairs in a line"

    def recognise(self, head: str) -> int:
        """Return 95 if a line has two tuples, one per direction."""
        return 95 if head.count("src=") > 1 and re.search(_ENTRY, head, re.MULTILINE) else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per entry or event."""
        import polars as pl

        lines = pl.DataFrame(source.lines(), schema={"line_number": pl.Int64, "text": pl.String}, orient="row")
        rows = lines.filter(~pl.col("text").str.contains(_NO_ROW)).with_columns(
            pl.col("text").str.extract(_ENTRY, i).alias(name) for i, name in enumerate(_COLUMNS, 1)
        )
        spelling = _address_spelling(rows)
        rows = rows.with_columns(pl.col(c).replace_strict(spelling, default=None) for c in _ADDRESSES)
        is_terminated = pl.col("line_number") != (source.unterminated_line or 0)
        is_entry = pl.all_horizontal(is_terminated, *(pl.col(c).is_not_null() for c in _ADDRESSES))
        rejects = [_reject(n, text, source) for n, text in rows.filter(~is_entry).select("line_number", "text").rows()]
        entries = rows.filter(is_entry).select(
            "line_number",
            "event",
            "protocol",
            *_ADDRESSES,
            *(pl.col(c).cast(pl.Int32) for c in _PORTS),
            ts_us=pl.col("seconds").cast(pl.Int64) * 1_000_000 + pl.col("micros").cast(pl.Int64),
        )
        return Parsed({"conntrack": entries} if entries.height else {}, rejects, [], rows.height)


def _reject(line_number: int, text: str, source: Source) -> Reject:
    is_unterminated = line_number == source.unterminated_line
    return Reject(line_number, UNTERMINATED if is_unterminated else "no entry with two tuples", clip(text))


def _address_spelling(rows: pl.DataFrame) -> dict[str, str]:
    """Map each valid address of the rows to tshark's spelling of it."""
    texts = {text for column in _ADDRESSES for text in rows[column].drop_nulls().unique()}
    return {text: address(text) for text in sorted(texts) if is_address(text)}


FORMAT = Conntrack()
