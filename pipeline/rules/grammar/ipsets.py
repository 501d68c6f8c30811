"""ipsets: their entries as tests of a packet, for `-m set --match-set NAME src,dst`."""

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
_UNTOLD = "tcp", "udp"  # a bitmap of ports names no protocol


def membership(name: str, sets: Sets, sides: Sequence[str]) -> m.Step:
    """Whether a packet is in the set; `sides` says for each part of an entry whose it is, src or dst."""
    found = sets(name)
    if found is None:
        return m.UnknownMatch(f"ipset {name} is not in the dump: does it hold {' and '.join(sides)}?")
    kind, *options = found.declaration.split()
    try:
        if kind == "list:set":
            return _any_of([membership(text.split()[0], sets, sides) for _, text in found.elements])
        parts = kind.partition(":")[2].split(",")
        if len(sides) < len(parts):
            return m.Never()  # so the kernel
        _check(parts, sides, options)
        entries = [_Entry(parts, sides, text.split()) for _, text in found.elements]
        return _Members(parts, sides, _without_exceptions(entries)).step()
    except ValueError as why:
        return m.UnknownMatch(f"ipset {name} ({kind}): {why}")


def _any_of(members: Sequence[m.Step]) -> m.Step:
    """Tests of sets in a list of sets, put together where they are of one kind.

    Raises:
        ValueError: they are not, or one is uncertain by itself.
    """
    known = [_by_range(step) for step in members if not isinstance(step, m.Never)]
    if len(known) < 2:
        return known[0] if known else m.Never()
    for kind in (m.Source, m.Destination):
        alike = [step for step in known if isinstance(step, kind)]
        if len(alike) == len(known):
            return kind(tuple(span for step in alike for span in step.ranges))
    if unclear := next((step for step in known if isinstance(step, m.UnknownMatch)), None):
        raise ValueError(unclear.reason)
    raise ValueError("a list of sets of several kinds is not understood")


def _by_range(step: m.Step) -> m.Step:
    """A list of single destinations as ranges."""
    if not isinstance(step, m.InSet) or step.fields != ("dst",):
        return step
    return m.Destination(tuple((dst, dst) for (dst,) in step.entries if isinstance(dst, int)))


def _without_exceptions(entries: list[_Entry]) -> list[_Entry]:
    """Entries that say `nomatch` are taken out: of nested networks, the kernel goes by the narrowest.

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
    """Whether this kind of set can be judged.

    Raises:
        ValueError: it cannot.
    """
    asked = list(zip(parts, sides, strict=False))
    addressed = [side for part, side in asked if part != "port"]
    if set(parts) - {"ip", "net", "port"} or len(set(addressed)) < len(addressed):
        raise ValueError("this kind is not understood")
    if ("port", "src") in asked:
        raise ValueError("the source port is not known")
    if "timeout" in options:
        raise ValueError("its entries come and go (timeout): which it held when the packet came is not known")
    if told := next((o for o in options if o in _MASKING), None):
        raise ValueError(f"sets with {told} are not understood")


class _Entry:
    """One entry: the source and the destination it is for, and protocols with port."""

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
    """All entries, as the simplest step that tests for them."""

    def __init__(self, parts: Sequence[str], sides: Sequence[str], entries: Sequence[_Entry]) -> None:
        self.by_port, self.entries = "port" in parts, entries
        self.addressed = [side for part, side in zip(parts, sides, strict=False) if part != "port"]

    def step(self) -> m.Step:
        if not self.entries:
            return m.Never()
        if not self.by_port and self.addressed == ["src"]:
            return m.Source(tuple(e.sources for e in self.entries))
        single = all(e.destinations[0] == e.destinations[1] for e in self.entries)
        if not self.by_port and self.addressed == ["dst"] and not single:
            return m.Destination(tuple(e.destinations for e in self.entries))
        if "dst" in self.addressed and not single:
            raise ValueError("ranges of destinations together with another part")
        return self._listed()

    def _listed(self) -> m.Step:
        fields = (*(("dst",) if "dst" in self.addressed else ()), *(("protocol", "port") if self.by_port else ()))
        found: dict[tuple[object, ...], list[Range]] = {}
        for entry in self.entries:
            for port in entry.ports if self.by_port else [()]:
                key = (*((entry.destinations[0],) if "dst" in self.addressed else ()), *port)
                found.setdefault(key, []).append(entry.sources)
        return m.InSet(fields, {key: tuple(sources) for key, sources in found.items()})


def _ports(text: str) -> Iterable[tuple[str, int]]:
    """`tcp:80`, `udp:53`; a bitmap of ports has `80` alone."""
    protocol, colon, port = text.rpartition(":")
    first, last = port_ranges(port)[0]
    for number in range(first, last + 1):
        yield from ((name, number) for name in ((protocol,) if colon else _UNTOLD))
