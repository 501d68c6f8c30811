"""`k6 run --out json=FILE`: one point per metric and request; the point of `http_req_duration` represents the request.

Points of other metrics, which describe the same requests, and the declarations of metrics are skipped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.load_generators.requests import as_integer, as_microseconds, json_value, read_requests

if TYPE_CHECKING:
    from pipeline.formats.base import Kind, Parsed
    from pipeline.formats.source import Source

_POINT = re.compile(r'^\{(?=.*"type":\s*"(?:Metric|Point)")(?=.*"metric":\s*").*"data":\s*\{', re.MULTILINE)
_METRIC = r'"metric":\s*"'
_DECLARATION = r'"type":\s*"Metric"'


class K6Json:
    """Requests as k6 counts them."""

    name = "k6-json"
    kind: Kind = "requests"
    sign = "lines with metric, type and data"

    def recognise(self, head: str) -> int:
        """Return 95 if a line is a metric or a point of one."""
        return 95 if _POINT.search(head) else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per point of `http_req_duration`."""
        import polars as pl

        text = pl.col("text")
        time = json_value("$.data.time").str.to_datetime("%+", time_zone="UTC", time_unit="us", strict=False)
        duration = as_microseconds(json_value("$.data.value"), 1_000)
        columns = {
            "ts_us": time.dt.epoch("us"),
            "duration_us": duration,
            "status": as_integer(json_value("$.data.tags.status")),
        }
        is_other_metric = text.str.contains(_METRIC) & ~text.str.contains(f"{_METRIC}http_req_duration")
        is_row = ~(is_other_metric | text.str.contains(_DECLARATION))
        is_request = (json_value("$.metric") == "http_req_duration") & duration.is_not_null()
        return read_requests(source, columns, is_row=is_row, is_valid=is_request, reason="no point of k6's")


FORMAT = K6Json()
