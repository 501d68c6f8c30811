"""Compiles the entries of an ipset to a match, for `-m set --match-set NAME src,dst`.

Example: a set of type hash:ip,port with the entry `10.200.0.1,tcp:80`, used with `dst,dst`, becomes an InSet match of
destination, protocol and port.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from pipeline.rules.grammar.values import port_ranges
from pipeline.rules.model import matches as m
from pipeline.rules.model.ip_ranges import NestedRanges, range_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.rules.grammar.nft_sets import Sets
    from pipeline.rules.model.ip_ranges import Range

TABLE = "ipset"
_ANY = (0, 1 << 128)
_MASKING = ("netmask", "bitmask", "markmask")
_PORT_PROTOCOLS = "tcp", "udp"  # those of a port without protocol, as in a bitmap of ports


def membership(name: str, sets: Sets, sides: Sequence[str]) -> m.Step:
    """The match of a set; `sides` has src or dst for each part of an entry."""
    ip_set = sets(name)
    if ip_set is None:
        return m.UnknownMatch(f"ipset {name} is not in the dump: does it hold {' and '.join(sides)}?")
    kind, *options = ip_set.declaration.split()
    try:
        if kind == "list:set":
            return _any_of([membership(text.split()[0], sets, sides) for _, text in ip_set.elements])
        parts = kind.partition(":")[2].split(",")
        if len(sides) < len(parts):
            return m.Never()  # as in the kernel
        _check(parts, sides, options)
        entries = [_Entry(parts, sides, text.split()) for _, text in ip_set.elements]
        return _Members(parts, sides, _without_exceptions(entries)).step()
    except ValueError as why:
        return m.UnknownMatch(f"ipset {name} ({kind}): {why}")


def _any_of(members: Sequence[m.Step]) -> m.Step:
    """One match for the sets in a list of sets.

    Raises:
        ValueError: the sets are of several kinds, or one of them has an unknown match.
    """
    matches = [_as_ranges(step) for step in members if not isinstance(step, m.Never)]
    if len(matches) < 2:
        return matches[0] if matches else m.Never()
    for kind in (m.Source, m.Destination):
        of_kind = [step for step in matches if isinstance(step, kind)]
        if len(of_kind) == len(matches):
            return kind(tuple(span for step in of_kind for span in step.ranges))
    if unknown := next((step for step in matches if isinstance(step, m.UnknownMatch)), None):
        raise ValueError(unknown.reason)
    raise ValueError("a list of sets of several kinds is not understood")


def _as_ranges(step: m.Step) -> m.Step:
    """A set of single destinations as ranges."""
    if not isinstance(step, m.InSet) or step.fields != ("dst",):
        return step
    return m.Destination(tuple((dst, dst) for (dst,) in step.entries if isinstance(dst, int)))


def _without_exceptions(entries: list[_Entry]) -> list[_Entry]:
    """The entries without those marked `nomatch`: of nested networks, the kernel uses the narrowest.

    Raises:
        ValueError: the entries have other parts than one network.
    """
    if not any(entry.excepted for entry in entries):
        return entries
    if any(entry.ports or _ANY not in (entry.sources, entry.destinations) for entry in entries):
        raise ValueError("it has exceptions (nomatch) beside ports or a second address")
    side = "sources" if entries[0].destinations == _ANY else "destinations"
    owners = {getattr(entry, side): entry for entry in entries}
    pieces = NestedRanges(owners).pieces
    kept = [(span, copy(owners[owner])) for span, owner in pieces if owner and not owners[owner].excepted]
    for span, entry in kept:
        setattr(entry, side, span)
    return [entry for _, entry in kept]


def _check(parts: Sequence[str], sides: Sequence[str], options: Sequence[str]) -> None:
    """Check that this kind of set is supported.

    Raises:
        ValueError: it is not.
    """
    sided_parts = list(zip(parts, sides, strict=False))
    address_sides = [side for part, side in sided_parts if part != "port"]
    if set(parts) - {"ip", "net", "port"} or len(set(address_sides)) < len(address_sides):
        raise ValueError("this kind is not understood")
    if ("port", "src") in sided_parts:
        raise ValueError("the source port is not known")
    if "timeout" in options:
        raise ValueError("its entries come and go (timeout): which it held when the packet came is not known")
    if masking := next((o for o in options if o in _MASKING), None):
        raise ValueError(f"sets with {masking} are not understood")


class _Entry:
    """One entry: its source and destination ranges, and its protocols with port."""

    def __init__(self, parts: Sequence[str], sides: Sequence[str], words: Sequence[str]) -> None:
        self.excepted = "nomatch" in words
        self.sources, self.destinations = _ANY, _ANY
        self.ports: list[tuple[str, int]] = []
        texts = words[0].split(",")
        if len(texts) != len(parts):
            raise ValueError(f"{words[0]} is not a whole entry")
        for part, side, text in zip(parts, sides, texts, strict=False):
            if part == "port":
                self.ports = list(_ports(text))
            elif side == "src":
                self.sources = range_of(text)
            else:
                self.destinations = range_of(text)


class _Members:
    """All entries; `step` is the simplest match that tests them."""

    def __init__(self, parts: Sequence[str], sides: Sequence[str], entries: Sequence[_Entry]) -> None:
        self.has_port, self.entries = "port" in parts, entries
        self.address_sides = [side for part, side in zip(parts, sides, strict=False) if part != "port"]

    def step(self) -> m.Step:
        if not self.entries:
            return m.Never()
        if not self.has_port and self.address_sides == ["src"]:
            return m.Source(tuple(e.sources for e in self.entries))
        single = all(e.destinations[0] == e.destinations[1] for e in self.entries)
        if not self.has_port and self.address_sides == ["dst"] and not single:
            return m.Destination(tuple(e.destinations for e in self.entries))
        if "dst" in self.address_sides and not single:
            raise ValueError("ranges of destinations together with another part")
        return self._in_set()

    def _in_set(self) -> m.Step:
        fields = (*(("dst",) if "dst" in self.address_sides else ()), *(("protocol", "port") if self.has_port else ()))
        sources_by_key: dict[tuple[object, ...], list[Range]] = {}
        for entry in self.entries:
            for port in entry.ports if self.has_port else [()]:
                key = (*((entry.destinations[0],) if "dst" in self.address_sides else ()), *port)
                sources_by_key.setdefault(key, []).append(entry.sources)
        return m.InSet(fields, {key: tuple(sources) for key, sources in sources_by_key.items()})


def _ports(text: str) -> Iterable[tuple[str, int]]:
    """Protocol and port of `tcp:80` or `udp:53`; of `80`, as in a bitmap of ports, for both protocols."""
    protocol, colon, port = text.rpartition(":")
    first, last = port_ranges(port)[0]
    for number in range(first, last + 1):
        yield from ((name, number) for name in ((protocol,) if colon else _PORT_PROTOCOLS))
