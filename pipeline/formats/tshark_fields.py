"""`tshark -T fields`: one line a packet, one cell a field. DuckDB reads the lines; this tells it how."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pipeline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.formats.base import Kind

# Fields that become columns of `packets`, with the type a cell is read as; other fields are left out.
FIELD_TYPES: dict[str, str] = {
    "frame.time_epoch": "DECIMAL(19,9)",
    "frame.interface_name": "VARCHAR",
    "frame.len": "INTEGER",
    "ip.src": "VARCHAR",
    "ip.dst": "VARCHAR",
    "ipv6.src": "VARCHAR",
    "ipv6.dst": "VARCHAR",
    "ip.proto": "USMALLINT",
    "ipv6.nxt": "USMALLINT",
    "ip.id": "USMALLINT",
    "ip.ttl": "USMALLINT",
    "ipv6.hlim": "USMALLINT",
    "tcp.srcport": "USMALLINT",
    "tcp.dstport": "USMALLINT",
    "udp.srcport": "USMALLINT",
    "udp.dstport": "USMALLINT",
    "sctp.srcport": "USMALLINT",
    "sctp.dstport": "USMALLINT",
    "tcp.flags": "USMALLINT",
    "tcp.seq_raw": "UINTEGER",
    "tcp.ack_raw": "UINTEGER",
    "tcp.len": "INTEGER",
    "tcp.options.timestamp.tsval": "UINTEGER",
    "tcp.stream": "UINTEGER",
    "http.request.method": "VARCHAR",
}
CLASSIC = ("ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "ip.proto")
_NAME = re.compile(r"^(_ws\.col\.)?[a-z][a-z0-9_-]*(\.[A-Za-z0-9_-]+)*$")
_DELIMITERS = ("\t", ";", "|", ",", " ")


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read an export: what separates cells, how many lines to skip, the field in each place."""

    delimiter: str
    header_lines: int
    fields: tuple[str, ...]


class TsharkFields:
    """`tshark -T fields -e ...`, with a header line or the classic five columns without one."""

    name = "tshark-fields"
    kind: Kind = "packets"

    def recognise(self, head: str) -> int:
        """Sure where the first line names fields, nearly so where lines are address, port, address, port, protocol."""
        lines = head.splitlines()
        if not lines:
            return 0
        if _header(lines[0]):
            return 95
        return 80 if _classic(lines[: -1 if len(lines) > 1 else None]) else 0

    def layout(self, head: str, fields: Sequence[str] = ()) -> Layout:
        """The layout of an export that starts with `head`; `fields` names the columns of one without a header."""
        lines = head.splitlines()
        first = lines[0] if lines else ""
        header = _header(first)
        if header:
            return Layout(header[0], 1, header[1])
        delimiter = next((d for d in _DELIMITERS if d in first), "\t")
        if fields:
            if (cells := len(first.split(delimiter))) != len(fields):
                message = f"the line has {cells} cells, --fields names {len(fields)}"
                raise InputError(message, hint="name every column of the export, in its order")
            return Layout(delimiter, 0, tuple(fields))
        return Layout(delimiter, 0, CLASSIC)


def _header(line: str) -> tuple[str, tuple[str, ...]] | None:
    """Separator and field names, if the line is a header."""
    for delimiter in _DELIMITERS:
        cells = tuple(cell.strip('"') for cell in line.rstrip("\r").split(delimiter))
        if all(_NAME.match(c) for c in cells) and any(c in FIELD_TYPES for c in cells):
            return delimiter, cells
    return None


def _classic(lines: Sequence[str]) -> bool:
    """Whether most lines with anything in them are the classic five columns."""
    rows = [line.split("\t") for line in lines[:200] if line.strip()]
    good = sum(len(r) == len(CLASSIC) and _address(r[0]) and _address(r[2]) and r[1].isdigit() for r in rows)
    return good > 0 and good * 2 >= len(rows)


def _address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


FORMAT = TsharkFields()
