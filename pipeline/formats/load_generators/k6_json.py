"""`k6 run --out json=FILE`: one point a metric and request. `http_req_duration` stands for the request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.load_generators.requests import from_json, microseconds, read_requests, whole_number

if TYPE_CHECKING:
    from pipeline.formats.base import Kind, Parsed
    from pipeline.formats.source import Source

_POINT = re.compile(r'^\{(?=.*"type":\s*"(?:Metric|Point)")(?=.*"metric":\s*").*"data":\s*\{', re.MULTILINE)
_METRIC = r'"metric":\s*"'
_DECLARES = r'"type":\s*"Metric"'


class K6Json:
    """Requests as k6 counts them."""

    name = "k6-json"
    kind: Kind = "requests"
    sign = "lines with metric, type and data"

    def recognise(self, head: str) -> int:
        """Sure where a metric or a point of one stands."""
        return 95 if _POINT.search(head) else 0

    def parse(self, source: Source) -> Parsed:
        """A row counts as a point of `http_req_duration`; the other metrics tell of the same requests again."""
        import polars as pl

        text = pl.col("text")
        when = from_json("$.data.time").str.to_datetime("%+", time_zone="UTC", time_unit="us", strict=False)
        duration = microseconds(from_json("$.data.value"), 1_000)
        columns = {
            "ts_us": when.dt.epoch("us"),
            "duration_us": duration,
            "status": whole_number(from_json("$.data.tags.status")),
        }
        of_others = text.str.contains(_METRIC) & ~text.str.contains(f"{_METRIC}http_req_duration")
        no_row = of_others | text.str.contains(_DECLARES) | (text.str.strip_chars() == "")
        whole = (from_json("$.metric") == "http_req_duration") & duration.is_not_null()
        return read_requests(source, columns, is_row=~no_row, is_whole=whole, reason="no point of k6's")


FORMAT = K6Json()
