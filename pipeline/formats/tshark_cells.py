"""From the cells of one packet, as any form names and writes them, to one row of the columns that `packets` is made of.

Cells with several values come from several headers in one packet. A tunnel gives the inner packet, with the outer
addresses beside it; an ICMP error gives an ICMP packet, with the flow that it quotes in columns of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pipeline.formats.base import Finding, Reject
from pipeline.formats.tshark_names import (
    BITS,
    EXTENSIONS,
    ICMP,
    IN_HEADERS,
    LIMITS,
    PORTS,
    TCP,
    TYPES,
)
from pipeline.formats.tshark_times import epoch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TRUE, _FALSE = ("1", "true", "set"), ("0", "false", "not set", "")

Row = dict[str, str]
Line = tuple[int, Row] | Reject | Finding


@dataclass(slots=True)
class _Header:
    """One IP header of a packet, and the ports that follow it."""

    family: str
    place: int
    src: str
    dst: str
    proto: int | None
    ports: tuple[str, str] | None = None


def packet_row(cells: Mapping[str, str], zone: str | None = None, joint: str = ",") -> Row:
    """The row of one packet; a cell with several values has `joint` between them.

    Raises:
        ValueError: it cannot be told what the packet is; the message says why.
    """
    row = {name: _plain(name, cells[name]) for name in ("frame.len", "frame.interface_name") if cells.get(name)}
    if time := cells.get("frame.time_epoch") or cells.get("frame.time_utc") or cells.get("frame.time"):
        row["frame.time_epoch"] = epoch(time, zone)
    if methods := cells.get("http.request.method"):
        row["http.request.method"] = ",".join(_values(methods, joint))
    lists = {n: _values(cells[n], joint) for n in IN_HEADERS if cells.get(n)}
    if "tcp.flags" not in lists and (flags := _flags(cells, joint)):
        lists["tcp.flags"] = flags
    headers = _headers(lists, cells.get("frame.protocols", ""))
    if len(headers) == 1 and "tcp.srcport" in lists and cells.get("tcp.stream") == "":
        raise ValueError("its ports are those of a packet that an ICMP error quotes; export with occurrence=a")
    if headers:
        return row | _nested(headers, lists)
    return row | _unaddressed(lists)


def _values(cell: str, joint: str) -> list[str]:
    return cell.split(joint) if joint in cell else [cell]


@lru_cache(maxsize=1 << 16)
def _plain(name: str, text: str) -> str:
    """One value, checked against its type and written as DuckDB reads it."""
    kind = TYPES[name]
    if kind == "VARCHAR":
        return "".join(c if c.isprintable() else " " for c in text)
    try:
        number = int(text, 16 if text[:2].lower() == "0x" else 10)
    except ValueError:
        raise ValueError(f"{name} is no number: {text!r}") from None
    if not 0 <= number <= LIMITS[kind]:
        raise ValueError(f"{name} is out of range: {text!r}")
    return str(number)


def _flags(cells: Mapping[str, str], joint: str) -> list[str]:
    """TCP flags from their letters, or from one field a flag."""
    if letters := cells.get("tcp.flags.str"):
        return [_flag_letters(word) for word in _values(letters, joint)]
    told = {bit: cells[name] for name, bit in BITS.items() if cells.get(name)}
    if not told or any(joint in text for text in told.values()):
        return []
    return [str(sum(bit for bit, text in told.items() if is_true(text)))]


def _flag_letters(word: str) -> str:
    """`·······A··S·` as a number: twelve places, a letter where the flag is set."""
    if len(word) != 12:
        raise ValueError(f"tcp.flags.str is not twelve places: {word!r}")
    return str(sum(1 << (11 - place) for place, letter in enumerate(word) if letter.isalpha()))


def is_true(text: str) -> bool:
    """A boolean as 1/0, True/False or Set/Not set.

    Raises:
        ValueError: it is none of these.
    """
    if (word := text.lower()) in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def _headers(lists: Mapping[str, Sequence[str]], protocols: str) -> list[_Header]:
    """The IP headers of a packet from the outside in, each with its ports."""
    four, six = _family(lists, "ip", "ip.proto"), _family(lists, "ipv6", "ipv6.nxt")
    headers = _in_order(four, six, protocols) if four and six else four or six
    for header in headers:
        if header.proto in EXTENSIONS or (header.proto is None and header is headers[-1]):
            header.proto = next(
                (p for p, n in PORTS.items() if any(f.startswith(f"{n}.") for f in lists)), header.proto
            )
    for proto, name in PORTS.items():
        ends = zip(lists.get(f"{name}.srcport", []), lists.get(f"{name}.dstport", []), strict=False)
        places = [h for h in headers if h.proto == proto]
        for header, pair in zip(places, ends, strict=False):
            header.ports = pair
    return headers


def _family(lists: Mapping[str, Sequence[str]], family: str, proto: str) -> list[_Header]:
    sources, targets = lists.get(f"{family}.src", []), lists.get(f"{family}.dst", [])
    numbers = lists.get(proto, [])
    if sources and targets and len(sources) != len(targets):
        raise ValueError(f"{len(sources)} source addresses, but {len(targets)} destinations")
    count = max(len(sources), len(targets))
    if count > 1 and numbers and len(numbers) != count:
        raise ValueError(f"{count} IP headers, but {len(numbers)} protocols; export with occurrence=a")
    rows = zip(_filled(sources, count), _filled(targets, count), _filled(numbers, count), strict=True)
    return [
        _Header(family, n, _address(src), _address(dst), int(_plain(proto, number)) if number else None)
        for n, (src, dst, number) in enumerate(rows)
    ]


def _filled(values: Sequence[str], count: int) -> list[str]:
    return [*values, *[""] * (count - len(values))][:count]


def _address(text: str) -> str:
    """An address as tshark and everything else here writes it, or nothing."""
    if text:
        _check_address(text)
    return text


@lru_cache(maxsize=65536)
def _check_address(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no address") from None


def _in_order(four: list[_Header], six: list[_Header], protocols: str) -> list[_Header]:
    """Headers of both families in their order, by frame.protocols or by who can carry whom."""
    names = [n for n in protocols.split(":") if n in ("ip", "ipv6")]
    if names.count("ip") == len(four) and names.count("ipv6") == len(six):
        by_family = {"ip": iter(four), "ipv6": iter(six)}
        return [next(by_family[name]) for name in names]
    if four[-1].proto == 41 or (four[-1].proto in (17, 47) and six[-1].proto == 6):
        return [*four, *six]
    if six[-1].proto == 4 or (six[-1].proto in (17, 47) and four[-1].proto == 6):
        return [*six, *four]
    raise ValueError("IPv4 and IPv6 headers in one packet: which is the outer one? export frame.protocols")


def _nested(headers: list[_Header], lists: Mapping[str, Sequence[str]]) -> Row:
    """The row of the packet that these headers make: the innermost that is not quoted by an ICMP error."""
    if len(headers) > 1 and any(h.proto is None for h in headers[:-1]):
        raise ValueError("several IP headers: an ICMP error or a tunnel? export ip.proto and ipv6.nxt")
    errors = [n for n, h in enumerate(headers) if h.proto in ICMP]
    own = headers[errors[0] if errors else -1]
    place = headers.index(own)
    row = _own(own, headers, lists)
    if place:
        outer = headers[place - 1]
        row |= {"outer.src": outer.src, "outer.dst": outer.dst, "outer.proto": str(outer.proto)}
    for quoted in headers[place + 1 : place + 2]:
        row |= {"quoted.src": quoted.src, "quoted.dst": quoted.dst, "quoted.proto": str(quoted.proto or "")}
        if quoted.ports:
            row |= _ports("quoted", quoted.ports)
    return row


def _own(own: _Header, headers: list[_Header], lists: Mapping[str, Sequence[str]]) -> Row:
    """Addresses, ports and numbers of one header."""
    number, family = ("ip.proto", "ip") if own.family == "ip" else ("ipv6.nxt", "ipv6")
    row = {f"{family}.src": own.src, f"{family}.dst": own.dst}
    if own.proto is not None:
        row[number] = str(own.proto)
    count = sum(h.family == own.family for h in headers)
    for name in ("ip.id", "ip.ttl") if family == "ip" else ("ipv6.hlim",):
        if len(values := lists.get(name, [])) == count:
            row[name] = _plain(name, values[own.place])
    if own.ports and own.proto is not None:
        row |= _ports(PORTS[own.proto], own.ports)
    if own.proto == 6:
        row |= _tcp(lists, [h for h in headers if h.proto == 6].index(own))
    return row


def _unaddressed(lists: Mapping[str, Sequence[str]]) -> Row:
    """Ports and numbers of an export that has no addresses."""
    if any(len(values) > 1 for values in lists.values()):
        raise ValueError("several values in a cell, and no addresses to tell them apart")
    return {name: _plain(name, values[0]) for name, values in lists.items()}


def _ports(prefix: str, ports: tuple[str, str]) -> Row:
    names = (f"{prefix}.srcport", f"{prefix}.dstport")
    return {name: _plain(name, text) for name, text in zip(names, ports, strict=True) if text}


def _tcp(lists: Mapping[str, Sequence[str]], place: int) -> Row:
    """TCP fields of the header at `place` among the TCP headers; what has another count belongs to nobody."""
    count = len(lists.get("tcp.srcport", []))
    values = {name: lists[name] for name in TCP if len(lists.get(name, [])) == max(count, 1)}
    return {name: _plain(name, texts[place]) for name, texts in values.items() if place < len(texts) and texts[place]}
