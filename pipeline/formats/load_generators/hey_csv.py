"""`hey -o csv`: one line a request that was answered; no addresses, and times from the tool's start only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.formats.load_generators.requests import microseconds, read_requests, whole_number

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
        """Sure where the header stands."""
        return 95 if _HEADER in head.splitlines() else 0

    def parse(self, source: Source) -> Parsed:
        """A row counts as a line with a request; what stands before the header is hey's, or curl's, talk."""
        import polars as pl

        text = pl.col("text")
        columns = {
            "duration_us": microseconds(text.str.extract(_ROW, 1), 1_000_000),
            "status": whole_number(text.str.extract(_ROW, 2)),
            "offset_us": microseconds(text.str.extract(_ROW, 3), 1_000_000),
        }
        is_row = (text.str.strip_chars() != "") & (text != _HEADER)
        return read_requests(
            source, columns, is_row=is_row, is_whole=text.str.contains(_ROW), reason="no request of hey's"
        )


FORMAT = HeyCsv()
