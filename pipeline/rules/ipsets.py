"""ipsets: their entries as tests of a packet, for `-m set --match-set NAME src,dst`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules import steps as s
from pipeline.rules.addresses import range_of
from pipeline.rules.values import port_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.rules.addresses import Range
    from pipeline.rules.nft_sets import Elements

TABLE = "ipset"
_ANY = (0, 1 << 128)
_CHANGING = ("timeout", "netmask", "bitmask", "markmask")
_UNTOLD = "tcp", "udp"  # a bitmap of ports names no protocol


def membership(name: str, found: Elements | None, sides: Sequence[str]) -> s.Step:
    """Whether a packet is in the set; `sides` says for each part of an entry whose it is, src or dst."""
    if found is None:
        return s.Unclear(f"ipset {name} is not in the dump: does it hold {' and '.join(sides)}?")
    kind, *options = found.declaration.split()
    parts = kind.partition(":")[2].split(",")
    if len(sides) < len(parts):
        return s.Never()  # so the kernel
    try:
        _check(parts, sides, options)
        return _Members(parts, sides, [_Entry(parts, sides, text.split()) for _, text in found.elements]).step()
    except ValueError as why:
        return s.Unclear(f"ipset {name} ({kind}): {why}")


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
    if told := next((o for o in options if o in _CHANGING), None):
        raise ValueError(f"sets with {told} are not understood")


class _Entry:
    """One entry: the source and the destination it is for, and protocols with port."""

    def __init__(self, parts: Sequence[str], sides: Sequence[str], words: Sequence[str]) -> None:
        if "nomatch" in words:
            raise ValueError("it has exceptions (nomatch)")
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

    def step(self) -> s.Step:
        if not self.entries:
            return s.Never()
        if not self.by_port and self.addressed == ["src"]:
            return s.Source(tuple(e.sources for e in self.entries))
        single = all(e.destinations[0] == e.destinations[1] for e in self.entries)
        if not self.by_port and self.addressed == ["dst"] and not single:
            return s.Destination(tuple(e.destinations for e in self.entries))
        if "dst" in self.addressed and not single:
            raise ValueError("ranges of destinations together with another part")
        return self._listed()

    def _listed(self) -> s.Step:
        fields = (*(("dst",) if "dst" in self.addressed else ()), *(("protocol", "port") if self.by_port else ()))
        found: dict[tuple[object, ...], list[Range]] = {}
        for entry in self.entries:
            for port in entry.ports if self.by_port else [()]:
                key = (*((entry.destinations[0],) if "dst" in self.addressed else ()), *port)
                found.setdefault(key, []).append(entry.sources)
        return s.Listed(fields, {key: tuple(sources) for key, sources in found.items()})


def _ports(text: str) -> Iterable[tuple[str, int]]:
    """`tcp:80`, `udp:53`; a bitmap of ports has `80` alone."""
    protocol, colon, port = text.rpartition(":")
    first, last = port_ranges(port)[0]
    for number in range(first, last + 1):
        yield from ((name, number) for name in ((protocol,) if colon else _UNTOLD))
