"""IP addresses and ranges as plain integers. One trace has addresses of one family only, IPv4 or IPv6.

Example: `10.0.0.0/30` becomes the range (167772160, 167772163): first and last address.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from ipaddress import ip_address, ip_network, summarize_address_range
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Range = tuple[int, int]
_WIDTH = {"ip": 32, "ip6": 128}


def family_of(text: str) -> str:
    """`ip6` for a text with a colon, otherwise `ip`."""
    return "ip6" if ":" in text else "ip"


def number(text: str) -> int:
    """An address as an integer.

    Raises:
        ValueError: the text is not an address.
    """
    try:
        packed = inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except OSError:
        raise ValueError(f"{text} is not an address") from None
    return int.from_bytes(packed, "big")


def written(value: int, family: str) -> str:
    """An integer as the text of an address."""
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
    """A network as a range; cached, because few networks (the pods' ranges) occur in many rules."""
    address, _, length = text.partition("/")
    network = ip_network(f"{_pad(address)}/{length}", strict=False)
    return int(network.network_address), int(network.broadcast_address)


def _pad(address: str) -> str:
    """`10` as `10.0.0.0`: old tools wrote 10/8."""
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


class NestedRanges:
    """Nested ranges, cut into pieces; each address belongs to the narrowest range that contains it."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        """From ranges that are nested or disjoint, as CIDRs are."""
        self.starts: list[int] = [0]
        self._owners: list[Range | None] = [None]
        open_ranges: list[Range] = []
        for span in sorted(set(ranges), key=lambda r: (r[0], -r[1])):
            self._close(open_ranges, span[0])
            open_ranges.append(span)
            self._cut(span[0], span)
        self._close(open_ranges, None)

    def narrowest(self, address: int) -> Range | None:
        """The narrowest range that contains the address."""
        return self._owners[bisect_right(self.starts, address) - 1]

    @property
    def pieces(self) -> Iterable[tuple[Range, Range | None]]:
        """Each piece with the narrowest range that contains it; not the last piece, which no range contains."""
        ends = (start - 1 for start in self.starts[1:])
        return zip(zip(self.starts, ends, strict=False), self._owners, strict=False)

    def _close(self, open_ranges: list[Range], before: int | None) -> None:
        """Close the ranges that end before an address."""
        while open_ranges and (before is None or open_ranges[-1][1] < before):
            _, last = open_ranges.pop()
            self._cut(last + 1, open_ranges[-1] if open_ranges else None)

    def _cut(self, start: int, owner: Range | None) -> None:
        if self.starts[-1] == start:
            self._owners[-1] = owner
        else:
            self.starts.append(start)
            self._owners.append(owner)
