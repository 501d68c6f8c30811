"""`ab -g FILE`: one line a request as ApacheBench counts it, slowest last; times to the second only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.formats.load_generators.requests import microseconds, read_requests

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
        """Sure where the header stands first."""
        return 95 if head.startswith(_HEADER) else 0

    def parse(self, source: Source) -> Parsed:
        """A row counts as a line with a request."""
        import polars as pl

        text = pl.col("text")
        columns = {
            "ts_us": microseconds(text.str.extract(_ROW, 1), 1_000_000),
            "duration_us": microseconds(text.str.extract(_ROW, 2), 1_000),
        }
        is_row = (text.str.strip_chars() != "") & (text != _HEADER)
        return read_requests(
            source, columns, is_row=is_row, is_whole=text.str.contains(_ROW), reason="no request of ab's"
        )


FORMAT = AbGnuplot()
