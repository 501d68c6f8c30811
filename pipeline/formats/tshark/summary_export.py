"""What tshark prints when it is told nothing, one line of columns a packet; and the same columns as fields.

Ports stand in the last column, and only for plain TCP and UDP; lines of higher protocols give no ports.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pipeline.formats.base import Reject
from pipeline.formats.source import Source, UnterminatedLine
from pipeline.formats.tshark.other_lines import is_noise, plain
from pipeline.formats.tshark.packet_row import packet_row
from pipeline.formats.tshark.timestamps import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.formats.base import Kind
    from pipeline.formats.tshark.packet_row import Line

_LINE = re.compile(
    r"\s*(?:\d+\s+)?(?P<time>-?\d+\.\d+s?|(?:(?:\d{4}-\d\d-\d\d|\d{4}/\d{3})[ T])?\d\d:\d\d:\d\d\.\d+(?:Z| UTC)?)\s+"
    r"(?P<source>\S+)\s+(?:→|->)"
    r"\s+(?P<destination>\S+)\s+(?P<protocol>[A-Za-z]\S*)\s+(?P<length>\d+)(?:\s+(?P<info>.*))?"
)
_RELATIVE = re.compile(r"-?\d{1,8}\.\d+s?")
_PORTS = re.compile(r"(?:\[[^]]*\] ?)*(\d+)(?:\(\w+\))? (?:→|->|>) (\d+)\b")
_LENGTH = re.compile(r"\bLen=(\d+)\b")
_METHOD = re.compile(r"(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) \S")
_NUMBERS = {"TCP": "6", "UDP": "17", "ICMP": "1", "ICMPv6": "58"}
_LETTERS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
_FLAGS = re.compile(r"\[((?:{0})(?:, (?:{0}))*)\]".format("|".join(_LETTERS)))
_COLUMNS = {
    "time": ("_ws.col.Time", "_ws.col.time", "_ws.col.cls_time"),
    "source": ("_ws.col.Source", "_ws.col.def_src"),
    "destination": ("_ws.col.Destination", "_ws.col.def_dst"),
    "protocol": ("_ws.col.Protocol", "_ws.col.protocol"),
    "length": ("_ws.col.Length", "_ws.col.packet_length"),
    "info": ("_ws.col.Info", "_ws.col.info"),
}


class TsharkSummary:
    """tshark's own columns as text, blank-aligned or by tabs (`-T tabs`)."""

    name = "tshark-summary"
    kind: Kind = "packets"
    sign = "lines with source → destination"

    def recognise(self, head: str) -> int:
        """Sure where most lines are number, time, source, an arrow, destination, protocol, length."""
        lines = [line for raw in head.split("\n")[:200] if not is_noise(line := plain(raw.rstrip("\r")))]
        return 85 if lines and 2 * sum(bool(_LINE.match(line)) for line in lines) >= len(lines) else 0

    def lines(self, source: Source) -> Iterator[Line]:
        """What each line is."""
        clock = Clock("UTC", source.time_zero)
        for number, raw in source.lines():
            line = plain(raw)
            if is_noise(line):
                continue
            try:
                if isinstance(raw, UnterminatedLine):
                    line = line.rpartition(" ")[0]  # its last word may be cut
                if not (m := _LINE.fullmatch(line)):
                    raise ValueError("is no line of number, time, source, destination, protocol and length")
                yield number, packet_row(_cells({k: v or "" for k, v in m.groupdict().items()}), clock)
            except ValueError as e:
                yield Reject(number, str(e), line)
        yield from clock.findings()


def column_cells(cells: Mapping[str, str]) -> dict[str, str]:
    """What tshark's columns among the cells of a field export say, by field name."""
    found = {name: next((cells[f] for f in fields if f in cells), "") for name, fields in _COLUMNS.items()}
    return {k: v for k, v in _cells(found).items() if v and not cells.get(k)}


def _cells(found: Mapping[str, str]) -> dict[str, str]:
    number, info = _NUMBERS.get(found["protocol"], ""), found["info"]
    source, target = _address(found["source"]), _address(found["destination"])
    family, proto = ("ipv6", "ipv6.nxt") if ":" in source else ("ip", "ip.proto")
    cells = {f"{family}.src": source, f"{family}.dst": target, proto: number, "frame.len": found["length"]}
    if time := found["time"]:
        cells["frame.time_relative" if _RELATIVE.fullmatch(time) else "frame.time"] = time.removesuffix("s")
    if m := _METHOD.match(info):
        cells["http.request.method"] = m[1]
    if number in ("6", "17") and (m := _PORTS.match(info)):
        name = "tcp" if number == "6" else "udp"
        cells |= {f"{name}.srcport": m[1], f"{name}.dstport": m[2]}
    return cells | _tcp(info) if number == "6" else cells


def _tcp(info: str) -> dict[str, str]:
    flags, length = _FLAGS.search(info), _LENGTH.search(info)
    cells = {"tcp.len": length[1]} if length else {}
    return cells | {"tcp.flags": _number(flags[1])} if flags else cells


@lru_cache(maxsize=256)
def _number(flags: str) -> str:
    return str(sum(_LETTERS[f] for f in flags.split(", ")))


@lru_cache(maxsize=1 << 16)
def _address(text: str) -> str:
    """An IP address; nothing for an Ethernet address."""
    try:
        ip_address(text)
    except ValueError:
        if ":" in text or text in ("Broadcast", ""):
            return ""
        raise ValueError(f"{text!r} is a name, not an address; run tshark with -n") from None
    return text


FORMAT = TsharkSummary()
