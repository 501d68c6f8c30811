r"""`curl -w '%{json}\n'`, or any JSON that `-w` is told to write: one object a request, with the client's own port."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.load_generators.requests import from_json, microseconds, read_requests, whole_number

if TYPE_CHECKING:
    import polars as pl

    from pipeline.formats.base import Kind, Parsed
    from pipeline.formats.source import Source

_REQUEST = re.compile(
    r'^\s*\{(?=.*"local_port":\s*\d)(?=.*"(?:http_code|response_code|time_total)":).*\}\s*$', re.MULTILINE
)
_WHY = "no object with local_port"


class CurlJson:
    """Requests as curl counts them."""

    name = "curl-json"
    kind: Kind = "requests"
    sign = "lines with local_port and http_code"

    def recognise(self, head: str) -> int:
        """Sure where a line is an object with curl's names."""
        return 90 if _REQUEST.search(head) else 0

    def parse(self, source: Source) -> Parsed:
        """A row counts as a line that is not blank."""
        import polars as pl

        columns = {
            "client_ip": _address("$.local_ip"),
            "client_port": _port("$.local_port"),
            "server_ip": _address("$.remote_ip"),
            "server_port": _port("$.remote_port"),
            "status": whole_number(pl.coalesce(from_json("$.http_code"), from_json("$.response_code"))),
            "duration_us": microseconds(from_json("$.time_total"), 1_000_000),
        }
        is_row = pl.col("text").str.strip_chars() != ""
        return read_requests(
            source, columns, is_row=is_row, is_whole=from_json("$.local_port").is_not_null(), reason=_WHY
        )


def _address(path: str) -> pl.Expr:
    return from_json(path).replace("", None)


def _port(path: str) -> pl.Expr:
    import polars as pl

    port = whole_number(from_json(path))
    return pl.when(port > 0).then(port)


FORMAT = CurlJson()
