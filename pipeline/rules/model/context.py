"""What all packets of one trace have in common: family, protocol, origin, and the node that they reach."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.model.ip_ranges import Range, is_loopback, range_of

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node's own addresses (empty: not known) and the ranges of its pods."""

    addresses: frozenset[str] = frozenset()
    pod_ranges: tuple[str, ...] = ()


@dataclass(slots=True)
class TraceContext:
    """What all packets of one trace have in common.

    `sources` are sorted; bit i of a branch's `sources` represents `sources[i]`. `node_addresses` is None if they are
    not known. `origin` is node, pod, external, or None if it is not known.
    """

    family: str
    protocol: str
    sources: Sequence[int]
    origin: str | None = None
    node_addresses: frozenset[int] | None = None
    pod_ranges: tuple[Range, ...] = ()

    @property
    def all_sources(self) -> int:
        """The bit set of all sources."""
        return (1 << len(self.sources)) - 1

    def sources_in(self, ranges: Sequence[Range]) -> int:
        """The bit set of the sources within any of the ranges."""
        bits = 0
        for first, last in ranges:
            bits |= (1 << bisect_right(self.sources, last)) - (1 << bisect_left(self.sources, first))
        return bits

    def is_local(self, address: int) -> bool | None:
        """Whether the address is one of the node's own; None if they are not known."""
        if is_loopback(address, self.family):
            return True
        return None if self.node_addresses is None else address in self.node_addresses

    def local_sources(self) -> int | None:
        """The bit set of the sources that are the node's own; None if its addresses are not known."""
        if self.node_addresses is not None:
            return self.sources_in([(a, a) for a in self.node_addresses]) | self.sources_in([loopback(self.family)])
        return None if self.origin is None else self.all_sources if self.origin == "node" else 0


def loopback(family: str) -> Range:
    """The addresses that are the node's own on every node."""
    return range_of("::1" if family == "ip6" else "127.0.0.0/8")
