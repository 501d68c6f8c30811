"""Classes of sources: addresses that no rule tells apart are traced once."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.rules.model.ip_ranges import Range, cidrs, family_of, is_everything, number, range_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.tracing.state import NodeFacts

ANY_OTHER = "any other address"
_STRANGERS = {
    "ip": ("203.0.113.77", "198.51.100.77", "192.0.2.77", "8.8.8.8"),
    "ip6": ("2001:db8:ffff::77", "2606:4700::77"),
}


@dataclass(slots=True)
class Atom:
    """Sources that the same ranges hold; `address` stands for all of them. `origin` is node, pod or external."""

    address: int
    words: str
    origin: str
    members: list[str] = field(default_factory=list)


def atoms(rules: RuleSet, facts: NodeFacts, sources: Collection[str], family: str) -> list[Atom]:
    """The sources seen, by the narrowest range the rules mention; the first atom is any address that none does."""
    spans = [range_of(p) for p in (*facts.pod_ranges, *rules.pod_ranges) if family_of(p) == family]
    own = {number(a) for a in facts.addresses if family_of(a) == family}
    pieces = Pieces([*mentioned(rules, family), *spans, *((a, a) for a in own)])
    found: dict[Range | None, Atom] = {}
    for text in sorted(a for a in sources if family_of(a) == family):
        address = number(text)
        span = pieces.narrowest(address)
        if span not in found:
            found[span] = _atom(span, address, own, spans, family)
        found[span].members.append(text)
    others = found.pop(None, None) or _stranger(pieces, family)
    return [*([others] if others else []), *found.values()]


def _atom(span: Range | None, address: int, own: Collection[int], pods: Iterable[Range], family: str) -> Atom:
    if span is None:
        return Atom(address, ANY_OTHER, "external")
    words = ", ".join(c.removesuffix("/32" if family == "ip" else "/128") for c in cidrs(span, family))
    if address in own:
        return Atom(address, f"this node ({words})", "node")
    inside = any(first <= address <= last for first, last in pods)
    return Atom(address, words, "pod" if inside else "external")


def _stranger(pieces: Pieces, family: str) -> Atom | None:
    """An address that no rule mentions, to stand for all others."""
    candidates = [number(a) for a in _STRANGERS[family]] + [start for start in pieces.starts if start]
    free = (a for a in candidates if pieces.narrowest(a) is None)
    address = next(free, None)
    return None if address is None else Atom(address, ANY_OTHER, "external")


class Pieces:
    """Nested ranges cut into pieces; each address belongs to the narrowest range that holds it."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        """Ranges nest or are apart, as CIDRs do."""
        self.starts: list[int] = [0]
        self._owners: list[Range | None] = [None]
        open_ranges: list[Range] = []
        for span in sorted(set(ranges), key=lambda r: (r[0], -r[1])):
            self._close(open_ranges, span[0])
            open_ranges.append(span)
            self._cut(span[0], span)
        self._close(open_ranges, None)

    def narrowest(self, address: int) -> Range | None:
        """The narrowest range that holds the address."""
        return self._owners[bisect_right(self.starts, address) - 1]

    @property
    def cut(self) -> Iterable[tuple[Range, Range | None]]:
        """Each piece but the last, which no range holds, and the narrowest range around it."""
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


def mentioned(rules: RuleSet, family: str) -> list[Range]:
    """The source ranges that a node's rules mention, as CIDRs."""
    import polars as pl

    found = set[Range]()
    beside = rules.columns["spec"].str.extract(r"--src-range (\S+)")  # `source` has the first of two
    for text in pl.concat([rules.columns["source"], beside]).drop_nulls().unique():
        for part in text.removeprefix("!").split(","):
            if family_of(part) == family and (span := _readable(part)) and not is_everything(span, family):
                found.update([span] if "-" not in part else (range_of(c) for c in cidrs(span, family)))
    return sorted(found)


def _readable(text: str) -> Range | None:
    try:
        return range_of(text)
    except ValueError:
        return None


def class_words(members: Iterable[Atom]) -> str:
    """A class of atoms in words."""
    words = [atom.words for atom in members]
    if ANY_OTHER in words:
        return ANY_OTHER
    shown = ", ".join(words[:3])
    return shown if len(words) <= 3 else f"{shown} and {len(words) - 3} more"
