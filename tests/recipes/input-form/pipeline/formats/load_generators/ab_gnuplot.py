"""`ab -g FILE`: one line per request as ApacheBench counts it, slowest last; its times are whole seconds.

The header and blank lines are skipped; any other line without a request's cells is a reject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.formats.load_generators.requests import as_microseconds, read_requests

if TYPE_CHECKING:
    from pipeline.formats.base import Kind, Parsed
    from pipeline.formats.source import Source

_HEADER = "starttime\tseconds\tctime\tdtime\tttime\twait"
_ROW = r"^[^\t]+\t(\d+)\t\d+\t\d+\t(\d+)\t\d+$"


class AbGnuplot:
    """Requests as ApacheBench counts them."""

    name = "ab-gnuplot"
    kind: Kind = "requests"
    sign = "the header of ab's gnuplot data"

    def recognise(self, head: str) -> int:
        """Return 95 if the first line is the header."""
        return 95 if head.startswith(_HEADER) else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per request."""
        import polars as pl

        text = pl.col("text")
        columns = {
            "ts_us": as_microseconds(text.str.extract(_ROW, 1), 1_000_000),
            "duration_us": as_microseconds(text.str.extract(_ROW, 2), 1_000),
        }
        is_request = text.str.contains(_ROW)
        return read_requests(source, columns, is_row=text != _HEADER, is_valid=is_request, reason="no request of ab's")


FORMAT = AbGnuplot()
