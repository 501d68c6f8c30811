"""`tshark` without output options, one line of columns per packet; and the same columns in a field export.

Ports are in the last column, and only in the lines of plain TCP and UDP; lines of higher protocols give no ports.
Blank lines, stderr messages and shell prompts are skipped.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.formats.addresses import is_address
from pipeline.formats.base import Reject
from pipeline.formats.source import UnterminatedLine
from pipeline.formats.tshark.other_lines import is_other_line, strip_escapes
from pipeline.formats.tshark.packet_row import packet_row
from pipeline.formats.tshark.timestamps import TimeReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.formats.base import Kind, PacketResult
    from pipeline.formats.source import Source

_LINE = re.compile(
    r"\s*(?:\d+\s+)?(?P<time>-?\d+\.\d+s?|(?:(?:\d{4}-\d\d-\d\d|\d{4}/\d{3})[ T])?\d\d:\d\d:\d\d\.\d+(?:Z| UTC)?)\s+"
    r"(?P<source>\S+)\s+(?:→|->)"
    r"\s+(?P<destination>\S+)\s+(?P<protocol>[A-Za-z]\S*)\s+(?P<length>\d+)(?:\s+(?P<info>.*))?"
)
_RELATIVE = re.compile(r"-?\d{1,8}\.\d+s?")
_PORTS = re.compile(r"(?:\[[^]]*\] ?)*(\d+)(?:\(\w+\))? (?:→|->|>) (\d+)\b")
_TCP_LENGTH = re.compile(r"\bLen=(\d+)\b")
_HTTP_METHOD = re.compile(r"(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) \S")
_PROTOCOL_NUMBERS = {"TCP": "6", "UDP": "17", "ICMP": "1", "ICMPv6": "58"}
_FLAG_BITS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
_FLAGS = re.compile(r"\[((?:{0})(?:, (?:{0}))*)\]".format("|".join(_FLAG_BITS)))
_COLUMNS = {
    "time": ("_ws.col.Time", "_ws.col.time", "_ws.col.cls_time"),
    "source": ("_ws.col.Source", "_ws.col.def_src"),
    "destination": ("_ws.col.Destination", "_ws.col.def_dst"),
    "protocol": ("_ws.col.Protocol", "_ws.col.protocol"),
    "length": ("_ws.col.Length", "_ws.col.packet_length"),
    "info": ("_ws.col.Info", "_ws.col.info"),
}


class TsharkSummary:
    """tshark's own columns as text, aligned with blanks or separated by tabs (`-T tabs`)."""

    name = "tshark-summary"
    kind: Kind = "packets"
    sign = "lines with source → destination"

    def recognise(self, head: str) -> int:
        """Return 85 if most lines are number, time, source, an arrow, destination, protocol and length."""
        lines = [line for raw in head.split("\n")[:200] if not is_other_line(line := strip_escapes(raw.rstrip("\r")))]
        return 85 if lines and 2 * sum(bool(_LINE.match(line)) for line in lines) >= len(lines) else 0

    def lines(self, source: Source) -> Iterator[PacketResult]:
        """Yield a row or a reject for each line with a packet, then the findings."""
        times = TimeReader("UTC", source.time_zero)
        for number, raw in source.lines():
            line = strip_escapes(raw)
            if is_other_line(line):
                continue
            try:
                if isinstance(raw, UnterminatedLine):
                    line = line.rpartition(" ")[0]  # its last word may be cut
                if not (m := _LINE.fullmatch(line)):
                    raise ValueError("is no line of number, time, source, destination, protocol and length")
                yield number, packet_row(_cells({k: v or "" for k, v in m.groupdict().items()}), times)
            except ValueError as e:
                yield Reject(number, str(e), line)
        yield from times.findings()


def column_cells(cells: Mapping[str, str]) -> dict[str, str]:
    """Return the information in tshark's own columns of a field export, by field name, where no cell has it.

    Raises:
        ValueError: an address column contains a name.
    """
    columns = {name: next((cells[f] for f in fields if f in cells), "") for name, fields in _COLUMNS.items()}
    return {k: v for k, v in _cells(columns).items() if v and not cells.get(k)}


def _cells(columns: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of one packet's columns by the names of tshark's fields."""
    number, info = _PROTOCOL_NUMBERS.get(columns["protocol"], ""), columns["info"]
    source, target = _address(columns["source"]), _address(columns["destination"])
    family, proto = ("ipv6", "ipv6.nxt") if ":" in source else ("ip", "ip.proto")
    cells = {f"{family}.src": source, f"{family}.dst": target, proto: number, "frame.len": columns["length"]}
    if time := columns["time"]:
        cells["frame.time_relative" if _RELATIVE.fullmatch(time) else "frame.time"] = time.removesuffix("s")
    if m := _HTTP_METHOD.match(info):
        cells["http.request.method"] = m[1]
    if number in ("6", "17") and (m := _PORTS.match(info)):
        name = "tcp" if number == "6" else "udp"
        cells |= {f"{name}.srcport": m[1], f"{name}.dstport": m[2]}
    return cells | _tcp_cells(info) if number == "6" else cells


def _tcp_cells(info: str) -> dict[str, str]:
    flags, length = _FLAGS.search(info), _TCP_LENGTH.search(info)
    cells = {"tcp.len": length[1]} if length else {}
    return cells | {"tcp.flags": _flags_number(flags[1])} if flags else cells


@lru_cache(maxsize=256)
def _flags_number(flags: str) -> str:
    return str(sum(_FLAG_BITS[f] for f in flags.split(", ")))


def _address(text: str) -> str:
    """Return an IP address, or "" for an Ethernet address."""
    if is_address(text):
        return text
    if ":" in text or text in ("Broadcast", ""):
        return ""
    raise ValueError(f"{text!r} is a name, not an address; run tshark with -n")


FORMAT = TsharkSummary()
