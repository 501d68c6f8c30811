"""Which headers a packet has, by how many values its cells hold: worked out once for each shape of packet."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.formats.tshark.field_names import EXTENSIONS, ICMP, IN_HEADERS, PORTS, TCP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Counts = dict[str, int]


@dataclass(slots=True)
class Picks:
    """The row of every packet of one shape: values that are fixed, and (column, field, which of its values).

    Where all packets of the shape have one value of the field, which is None.
    """

    fixed: dict[str, str] = field(default_factory=dict)
    cells: list[tuple[str, str, int | None]] = field(default_factory=list)


@dataclass(slots=True)
class _Header:
    """One IP header of a packet, by its place among those of its family; `ports` is the place of its ports.

    `told` says that its protocol was exported.
    """

    family: str
    place: int
    proto: int | None
    told: bool
    ports: int | None = None


@lru_cache(maxsize=1 << 14)
def picks(
    counts: tuple[int, ...],
    protos: tuple[str, ...],
    next_headers: tuple[str, ...],
    protocols: str,
    is_hollow: bool,
) -> Picks | str:
    """What goes where for packets with `counts` values of each of the fields IN_HEADERS, or why that cannot be told.

    `protos`, `next_headers` and `protocols` are the values of ip.proto, ipv6.nxt and frame.protocols, each "" where
    there is none; `is_hollow` says that a field is empty which every TCP packet has.
    """
    found = {name: count for name, count in zip(IN_HEADERS, counts, strict=True) if count}
    numbers = {family: told for family, told in (("ip", protos), ("ipv6", next_headers)) if told != ("",)}
    try:
        headers = _headers(found, numbers, protocols)
        if len(headers) == 1:
            _check_single(headers[0], found, protocols, is_hollow)
        row = _nested(headers, found) if headers else _unaddressed(found)
    except ValueError as e:
        return str(e)
    return Picks(row.fixed, [(out, name, place if found[name] > 1 else None) for out, name, place in row.cells])


def _check_single(header: _Header, counts: Counts, protocols: str, is_hollow: bool) -> None:
    """Refuse what shows one header of several and may pair it with another's ports (occurrence=f, occurrence=l)."""
    names = protocols.split(":")
    is_nested = sum(n in ("ip", "ipv6") for n in names) > 1
    has_tcp = "tcp.srcport" in counts
    if (is_hollow and has_tcp) or (is_nested and {"icmp", "icmpv6"} & set(names) and header.proto not in ICMP):
        raise ValueError("its ports are those of a packet that an ICMP error quotes; export with occurrence=a")
    if is_nested and not header.told:
        raise ValueError("one of several IP headers, and which is not told; export ip.proto, with occurrence=a")


def _headers(counts: Counts, numbers: Mapping[str, Sequence[str]], protocols: str) -> list[_Header]:
    """The IP headers of a packet from the outside in, each with its ports."""
    four, six = (_family(family, counts, numbers.get(family, ())) for family in ("ip", "ipv6"))
    headers = _in_order(four, six, protocols) if four and six else four or six
    for header in headers:
        if header.proto in EXTENSIONS or (header.proto is None and header is headers[-1]):
            header.proto = next(
                (p for p, n in PORTS.items() if any(f.startswith(f"{n}.") for f in counts)), header.proto
            )
    for proto, name in PORTS.items():
        pairs = min(counts.get(f"{name}.srcport", 0), counts.get(f"{name}.dstport", 0))
        for place, header in enumerate([h for h in headers if h.proto == proto][:pairs]):
            header.ports = place
    return headers


def _family(family: str, counts: Counts, numbers: Sequence[str]) -> list[_Header]:
    sources, targets = counts.get(f"{family}.src", 0), counts.get(f"{family}.dst", 0)
    if sources and targets and sources != targets:
        raise ValueError(f"{sources} source addresses, but {targets} destinations")
    count = max(sources, targets)
    if count > 1 and numbers and len(numbers) != count:
        raise ValueError(f"{count} IP headers, but {len(numbers)} protocols; export with occurrence=a")
    filled = [*numbers, *[""] * count][:count]
    return [_Header(family, n, _number(text) if text else None, bool(text)) for n, text in enumerate(filled)]


def _number(text: str) -> int:
    try:
        number = int(text, 16 if text[:2].lower() == "0x" else 10)
    except ValueError:
        raise ValueError(f"the protocol is no number: {text!r}") from None
    if not 0 <= number <= 255:
        raise ValueError(f"the protocol is out of range: {text!r}")
    return number


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


def _nested(headers: list[_Header], counts: Counts) -> Picks:
    """The packet that these headers make: the innermost that is not quoted by an ICMP error."""
    if len(headers) > 1 and any(h.proto is None for h in headers[:-1]):
        raise ValueError("several IP headers: an ICMP error or a tunnel? export ip.proto and ipv6.nxt")
    errors = [n for n, h in enumerate(headers) if h.proto in ICMP]
    place = errors[0] if errors else len(headers) - 1
    row = _own(headers[place], headers, counts)
    if place:
        _put_addresses(row, "outer", headers[place - 1], counts)
    for quoted in headers[place + 1 : place + 2]:
        _put_addresses(row, "quoted", quoted, counts)
        _put_ports(row, "quoted", quoted)
    return row


def _own(own: _Header, headers: list[_Header], counts: Counts) -> Picks:
    """Addresses, ports and numbers of one header."""
    number, family = ("ip.proto", "ip") if own.family == "ip" else ("ipv6.nxt", "ipv6")
    row = Picks({} if own.proto is None else {number: str(own.proto)})
    alike = sum(h.family == own.family for h in headers)
    numbers = [n for n in ("ip.id", "ip.ttl") if counts.get(n) == alike] if family == "ip" else []
    numbers += ["ipv6.hlim"] if family == "ipv6" and counts.get("ipv6.hlim") == alike else []
    ends = [n for n in (f"{family}.src", f"{family}.dst") if n in counts]
    row.cells += [(name, name, own.place) for name in (*ends, *numbers)]
    if own.proto in PORTS:
        _put_ports(row, PORTS[own.proto], own)
    if own.proto == 6:
        _put_tcp(row, [h for h in headers if h.proto == 6].index(own), counts)
    return row


def _put_addresses(row: Picks, prefix: str, header: _Header, counts: Counts) -> None:
    ends = [end for end in ("src", "dst") if f"{header.family}.{end}" in counts]
    row.cells += [(f"{prefix}.{end}", f"{header.family}.{end}", header.place) for end in ends]
    if header.proto is not None:
        row.fixed[f"{prefix}.proto"] = str(header.proto)


def _put_ports(row: Picks, prefix: str, header: _Header) -> None:
    if header.ports is not None and header.proto is not None:
        name = PORTS[header.proto]
        row.cells += [(f"{prefix}.{end}", f"{name}.{end}", header.ports) for end in ("srcport", "dstport")]


def _put_tcp(row: Picks, place: int, counts: Counts) -> None:
    """TCP fields of the header at `place` among the TCP headers; what has another count belongs to nobody."""
    count = max(counts.get("tcp.srcport", 0), 1)
    row.cells += [(name, name, place) for name in TCP if counts.get(name) == count and place < count]


def _unaddressed(counts: Counts) -> Picks:
    """Ports and numbers of an export that has no addresses."""
    if any(count > 1 for count in counts.values()):
        raise ValueError("several values in a cell, and no addresses to tell them apart")
    return Picks({}, [(name, name, 0) for name in counts])
