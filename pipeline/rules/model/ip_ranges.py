"""Addresses and ranges as plain integers; IPv4 and IPv6 never meet in one trace."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network, summarize_address_range
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

Range = tuple[int, int]
_WIDTH = {"ip": 32, "ip6": 128}


def family_of(text: str) -> str:
    """`ip6` for anything with a colon, else `ip`."""
    return "ip6" if ":" in text else "ip"


def number(text: str) -> int:
    """An address as an integer; ValueError where it is none."""
    try:
        packed = inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except OSError:
        raise ValueError(f"{text} is no address") from None
    return int.from_bytes(packed, "big")


def written(value: int, family: str) -> str:
    """An integer as an address."""
    if family == "ip6":
        return inet_ntop(AF_INET6, value.to_bytes(16, "big"))
    return inet_ntop(AF_INET, value.to_bytes(4, "big"))


def range_of(text: str) -> Range:
    """`10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10.0.0.1` or `10.0.0.1-10.0.0.9` as first and last address."""
    if text.endswith("/32") and ":" not in text:
        value = number(text[:-3])
        return value, value
    if "/" in text:
        return _network(text)
    first, _, last = text.partition("-")
    return number(first), number(last or first)


@lru_cache
def _network(text: str) -> Range:
    """Few networks, the pods' above all, stand in many rules."""
    address, _, length = text.partition("/")
    network = ip_network(f"{_padded(address)}/{length}", strict=False)
    return int(network.network_address), int(network.broadcast_address)


def _padded(address: str) -> str:
    """The tool nft writes 10.0.0.0 in full, old tools wrote 10/8."""
    return address if ":" in address else ".".join((address.split(".") + ["0"] * 3)[:4])


def cidrs(span: Range, family: str) -> list[str]:
    """A range as the fewest CIDRs."""
    first, last = (ip_address(written(v, family)) for v in span)
    return [str(n) for n in summarize_address_range(first, last)]


def is_everything(span: Range, family: str) -> bool:
    """Whether a range is the whole address space."""
    return span == (0, (1 << _WIDTH[family]) - 1)


def is_loopback(value: int, family: str) -> bool:
    """127.0.0.0/8 and ::1."""
    return value == 1 if family == "ip6" else value >> 24 == 127
