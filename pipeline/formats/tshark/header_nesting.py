"""The IP headers of a packet, derived from how many values its cells have; computed once per shape of packet.

With `-E occurrence=a`, tshark joins the values of all headers in one cell: a tunnel packet has two addresses in
ip.src, and so has an ICMP error, which quotes the packet that caused it. The row of a packet describes the innermost
header that is not quoted. The header around it fills the `outer.*` columns, the quoted one the `quoted.*` columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.formats.tshark.field_names import (
    EXTENSION_HEADERS,
    HEADER_FIELDS,
    ICMP_PROTOCOLS,
    PORT_PROTOCOLS,
    TCP_FIELDS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Counts = dict[str, int]


@dataclass(slots=True)
class RowPlan:
    """How to fill the row of any packet of one shape: `fixed` values, and `copies`: (column, field, index of value).

    The index is None if all packets of the shape have one value in that field.
    """

    fixed: dict[str, str] = field(default_factory=dict)
    copies: list[tuple[str, str, int | None]] = field(default_factory=list)


@dataclass(slots=True)
class _Header:
    """One IP header: its index among the packet's headers of its family, and the index of its ports among the ports.

    `has_proto` is false if the export has no protocol of it.
    """

    family: str
    index: int
    proto: int | None
    has_proto: bool
    port_index: int | None = None


@lru_cache(maxsize=1 << 14)
def row_plan(
    counts: tuple[int, ...],
    protos: tuple[str, ...],
    next_headers: tuple[str, ...],
    protocols: str,
    lacks_tcp_field: bool,
) -> RowPlan | str:
    """Return the plan for packets with `counts` values in each of HEADER_FIELDS, or the reason why there is none.

    `protos`, `next_headers` and `protocols` are the values of ip.proto, ipv6.nxt and frame.protocols, "" for an empty
    cell; `lacks_tcp_field` means that a field is empty which every TCP packet has.
    """
    filled = {name: count for name, count in zip(HEADER_FIELDS, counts, strict=True) if count}
    proto_texts = {family: texts for family, texts in (("ip", protos), ("ipv6", next_headers)) if texts != ("",)}
    try:
        headers = _headers(filled, proto_texts, protocols)
        if len(headers) == 1:
            _check_single_header(headers[0], filled, protocols, lacks_tcp_field)
        plan = _plan_headers(headers, filled) if headers else _plan_without_addresses(filled)
    except ValueError as e:
        return str(e)
    return RowPlan(plan.fixed, [(out, name, index if filled[name] > 1 else None) for out, name, index in plan.copies])


def _check_single_header(header: _Header, counts: Counts, protocols: str, lacks_tcp_field: bool) -> None:
    """Raise ValueError if the cells show one header of several, and perhaps another's ports (occurrence=f or =l)."""
    names = protocols.split(":")
    is_nested = sum(n in ("ip", "ipv6") for n in names) > 1
    has_tcp = "tcp.srcport" in counts
    is_icmp_error = is_nested and {"icmp", "icmpv6"} & set(names) and header.proto not in ICMP_PROTOCOLS
    if (lacks_tcp_field and has_tcp) or is_icmp_error:
        raise ValueError("its ports are those of a packet that an ICMP error quotes; export with occurrence=a")
    if is_nested and not header.has_proto:
        raise ValueError("one of several IP headers, unclear which; export ip.proto, with occurrence=a")


def _headers(counts: Counts, proto_texts: Mapping[str, Sequence[str]], protocols: str) -> list[_Header]:
    """Return the IP headers of a packet from the outside in, each with its ports."""
    four, six = (_family_headers(family, counts, proto_texts.get(family, ())) for family in ("ip", "ipv6"))
    headers = _in_order(four, six, protocols) if four and six else four or six
    for header in headers:
        if header.proto in EXTENSION_HEADERS or (header.proto is None and header is headers[-1]):
            header.proto = _proto_of_ports(counts, header.proto)
    for proto, name in PORT_PROTOCOLS.items():
        pair_count = min(counts.get(f"{name}.srcport", 0), counts.get(f"{name}.dstport", 0))
        for index, header in enumerate([h for h in headers if h.proto == proto][:pair_count]):
            header.port_index = index
    return headers


def _proto_of_ports(counts: Counts, default: int | None) -> int | None:
    """Return the protocol whose fields are filled."""
    filled = (proto for proto, name in PORT_PROTOCOLS.items() if any(f.startswith(f"{name}.") for f in counts))
    return next(filled, default)


def _family_headers(family: str, counts: Counts, proto_texts: Sequence[str]) -> list[_Header]:
    source_count, target_count = counts.get(f"{family}.src", 0), counts.get(f"{family}.dst", 0)
    if source_count and target_count and source_count != target_count:
        raise ValueError(f"{source_count} source addresses, but {target_count} destinations")
    count = max(source_count, target_count)
    if count > 1 and proto_texts and len(proto_texts) != count:
        raise ValueError(f"{count} IP headers, but {len(proto_texts)} protocols; export with occurrence=a")
    texts = [*proto_texts, *[""] * count][:count]
    return [_Header(family, n, _proto_number(text) if text else None, bool(text)) for n, text in enumerate(texts)]


def _proto_number(text: str) -> int:
    try:
        number = int(text, 16 if text[:2].lower() == "0x" else 10)
    except ValueError:
        raise ValueError(f"the protocol is no number: {text!r}") from None
    if not 0 <= number <= 255:
        raise ValueError(f"the protocol is out of range: {text!r}")
    return number


def _in_order(four: list[_Header], six: list[_Header], protocols: str) -> list[_Header]:
    """Return headers of both families in their order, by frame.protocols or by which protocol can carry the other."""
    names = [n for n in protocols.split(":") if n in ("ip", "ipv6")]
    if names.count("ip") == len(four) and names.count("ipv6") == len(six):
        by_family = {"ip": iter(four), "ipv6": iter(six)}
        return [next(by_family[name]) for name in names]
    if four[-1].proto == 41 or (four[-1].proto in (17, 47) and six[-1].proto == 6):
        return [*four, *six]
    if six[-1].proto == 4 or (six[-1].proto in (17, 47) and four[-1].proto == 6):
        return [*six, *four]
    raise ValueError("IPv4 and IPv6 headers in one packet: which is the outer one? export frame.protocols")


def _plan_headers(headers: list[_Header], counts: Counts) -> RowPlan:
    """Return the plan for the innermost header that no ICMP error quotes, with the headers around and inside it."""
    if len(headers) > 1 and any(h.proto is None for h in headers[:-1]):
        raise ValueError("several IP headers: an ICMP error or a tunnel? export ip.proto and ipv6.nxt")
    errors = [n for n, h in enumerate(headers) if h.proto in ICMP_PROTOCOLS]
    own = errors[0] if errors else len(headers) - 1
    plan = _plan_own_header(headers[own], headers, counts)
    if own:
        _copy_addresses(plan, "outer", headers[own - 1], counts)
    for quoted in headers[own + 1 : own + 2]:
        _copy_addresses(plan, "quoted", quoted, counts)
        _copy_ports(plan, "quoted", quoted)
    return plan


def _plan_own_header(own: _Header, headers: list[_Header], counts: Counts) -> RowPlan:
    """Return the plan for the addresses, ports and numbers of one header."""
    proto_field, family = ("ip.proto", "ip") if own.family == "ip" else ("ipv6.nxt", "ipv6")
    plan = RowPlan({} if own.proto is None else {proto_field: str(own.proto)})
    family_count = sum(h.family == own.family for h in headers)
    numbers = [n for n in ("ip.id", "ip.ttl") if counts.get(n) == family_count] if family == "ip" else []
    numbers += ["ipv6.hlim"] if family == "ipv6" and counts.get("ipv6.hlim") == family_count else []
    addresses = [n for n in (f"{family}.src", f"{family}.dst") if n in counts]
    plan.copies += [(name, name, own.index) for name in (*addresses, *numbers)]
    if own.proto in PORT_PROTOCOLS:
        _copy_ports(plan, PORT_PROTOCOLS[own.proto], own)
    if own.proto == 6:
        _copy_tcp(plan, [h for h in headers if h.proto == 6].index(own), counts)
    return plan


def _copy_addresses(plan: RowPlan, prefix: str, header: _Header, counts: Counts) -> None:
    ends = [end for end in ("src", "dst") if f"{header.family}.{end}" in counts]
    plan.copies += [(f"{prefix}.{end}", f"{header.family}.{end}", header.index) for end in ends]
    if header.proto is not None:
        plan.fixed[f"{prefix}.proto"] = str(header.proto)


def _copy_ports(plan: RowPlan, prefix: str, header: _Header) -> None:
    if header.port_index is not None and header.proto is not None:
        name = PORT_PROTOCOLS[header.proto]
        plan.copies += [(f"{prefix}.{end}", f"{name}.{end}", header.port_index) for end in ("srcport", "dstport")]


def _copy_tcp(plan: RowPlan, index: int, counts: Counts) -> None:
    """Copy the TCP fields of the header with this index among TCP headers; a field with another count is left out."""
    count = max(counts.get("tcp.srcport", 0), 1)
    plan.copies += [(name, name, index) for name in TCP_FIELDS if counts.get(name) == count and index < count]


def _plan_without_addresses(counts: Counts) -> RowPlan:
    """Return the plan for ports and numbers of an export that has no addresses."""
    if any(count > 1 for count in counts.values()):
        raise ValueError("several values in a cell, and no addresses to assign them by")
    return RowPlan({}, [(name, name, 0) for name in counts])
