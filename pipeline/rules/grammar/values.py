"""Parses values that both grammars have: addresses, ports, fwmarks, protocols and endpoints.

Example: `8000:8010,80` becomes the port ranges ((8000, 8010), (80, 80)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.model.ip_ranges import number, range_of
from pipeline.rules.model.reasons import unread_target
from pipeline.rules.model.targets import Dnat

if TYPE_CHECKING:
    from pipeline.rules.model.ip_ranges import Range

PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "132": "sctp", "ipv6-icmp": "icmpv6"}
SERVICE_PORTS = {"http": 80, "https": 443, "domain": 53, "ssh": 22, "http-alt": 8080, "mysql": 3306, "webcache": 8080}


def address_ranges(text: str) -> tuple[Range, ...]:
    """The ranges of `10.0.0.0/8,192.168.0.0/16`."""
    return tuple(range_of(part) for part in text.split(","))


def port_ranges(text: str) -> tuple[Range, ...]:
    """The ranges of `80`, `8000:8010`, `80,443` or `:1024`."""
    return tuple(_port_range(part) for part in text.split(","))


def _port_range(text: str) -> Range:
    first, colon, last = text.replace("-", ":").partition(":")
    low = _port(first) if first else 0
    return low, (_port(last) if last else 65535) if colon else low


def _port(text: str) -> int:
    return SERVICE_PORTS[text] if text in SERVICE_PORTS else int(text)


def value_and_mask(text: str) -> Range:
    """Value and mask of `0x4000/0x4000` or `0x4000`."""
    value, _, mask = text.partition("/")
    return int(value, 0), int(mask, 0) if mask else 0xFFFFFFFF


def parse_dnat(text: str | None, *, persistent: bool = False) -> Dnat:
    """The target of `10.0.0.1:80`, `[fd00::1]:80`, `10.0.0.1` or `:80`; with a doubt if the text is not complete."""
    if not text:
        return _uncertain_dnat("DNAT without its destination")
    if text == ":0" and persistent:
        return _uncertain_dnat("DNAT to :0, a known fault of the tool that printed it: the destination was lost")
    address, port = _endpoint(text)
    if text.endswith(":"):
        return _uncertain_dnat(f"DNAT to {text}, its port is cut off")
    if port and not port.isdigit():
        return _uncertain_dnat(f"DNAT to several ports: {text}")
    try:
        return Dnat(number(address) if address else None, int(port) if port else None)
    except ValueError:
        return _uncertain_dnat(f"DNAT to {text}")


def _uncertain_dnat(why: str) -> Dnat:
    return Dnat(None, None, unread_target(why))


def _endpoint(text: str) -> tuple[str, str]:
    """Address and port of `a:p`, `[a]:p` or a bare address."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, port.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    address, _, port = text.partition(":")
    return address, port
