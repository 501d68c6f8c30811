r"""`curl -w '%{json}\n'`, or `-w` with any other JSON: one object per request, with the client's own port.

Blank lines are skipped; any other line without an object that has `local_port` is a reject.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.load_generators.requests import as_integer, as_microseconds, json_value, read_requests

if TYPE_CHECKING:
    import polars as pl

    from pipeline.formats.base import Kind, Parsed
    from pipeline.formats.source import Source

_REQUEST = re.compile(
    r'^\s*\{(?=.*"local_port":\s*\d)(?=.*"(?:http_code|response_code|time_total)":).*\}\s*$', re.MULTILINE
)


class CurlJson:
    """Requests as curl reports them."""

    name = "curl-json"
    kind: Kind = "requests"
    sign = "lines with local_port and http_code"

    def recognise(self, head: str) -> int:
        """Return 90 if a line is an object with curl's keys."""
        return 90 if _REQUEST.search(head) else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per request."""
        import polars as pl

        columns = {
            "client_ip": _address("$.local_ip"),
            "client_port": _port("$.local_port"),
            "server_ip": _address("$.remote_ip"),
            "server_port": _port("$.remote_port"),
            "status": as_integer(pl.coalesce(json_value("$.http_code"), json_value("$.response_code"))),
            "duration_us": as_microseconds(json_value("$.time_total"), 1_000_000),
        }
        has_port, reason = json_value("$.local_port").is_not_null(), "no object with local_port"
        return read_requests(source, columns, is_row=pl.lit(value=True), is_valid=has_port, reason=reason)


def _address(path: str) -> pl.Expr:
    return json_value(path).replace("", None)


def _port(path: str) -> pl.Expr:
    import polars as pl

    port = as_integer(json_value(path))
    return pl.when(port > 0).then(port)


FORMAT = CurlJson()
