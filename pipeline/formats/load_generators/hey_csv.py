"""`hey -o csv`: one line per answered request, without addresses; its times count from the start of hey.

The header and blank lines are skipped; any other line without a request's cells is a reject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.formats.load_generators.requests import as_integer, as_microseconds, read_requests

if TYPE_CHECKING:
    from pipeline.formats.base import Kind, Parsed
    from pipeline.formats.source import Source

_HEADER = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset"
_CELL = r"\d+\.\d+"
_ROW = rf"^({_CELL})(?:,{_CELL}){{5}},(\d+),({_CELL})$"


class HeyCsv:
    """Requests as hey counts them."""

    name = "hey-csv"
    kind: Kind = "requests"
    sign = "the header of hey's CSV"

    def recognise(self, head: str) -> int:
        """Return 95 if a line is the header."""
        return 95 if _HEADER in head.splitlines() else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per request."""
        import polars as pl

        text = pl.col("text")
        columns = {
            "duration_us": as_microseconds(text.str.extract(_ROW, 1), 1_000_000),
            "status": as_integer(text.str.extract(_ROW, 2)),
            "offset_us": as_microseconds(text.str.extract(_ROW, 3), 1_000_000),
        }
        is_request = text.str.contains(_ROW)
        return read_requests(source, columns, is_row=text != _HEADER, is_valid=is_request, reason="no request of hey's")


FORMAT = HeyCsv()
