"""Groups source addresses: those that no rule distinguishes are traced once.

Example: if the rules of a node only test `-s 10.100.0.0/16`, all clients outside that range are one group, and the pods
inside it are another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.rules.model.ip_ranges import NestedRanges, Range, cidrs, family_of, is_everything, number, range_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.model.context import NodeFacts

ANY_OTHER = "any other address"
_UNLISTED = {
    "ip": ("203.0.113.77", "198.51.100.77", "192.0.2.77", "8.8.8.8"),
    "ip6": ("2001:db8:ffff::77", "2606:4700::77"),
}


@dataclass(slots=True)
class SourceGroup:
    """Sources that are in the same ranges; `address` represents them all. `origin` is node, pod or external."""

    address: int
    description: str
    origin: str
    members: list[str] = field(default_factory=list)


def source_groups(rules: RuleSet, facts: NodeFacts, sources: Collection[str], family: str) -> list[SourceGroup]:
    """The sources, grouped by the narrowest range in the rules; the first group is every address in none of them."""
    spans = [range_of(p) for p in (*facts.pod_ranges, *rules.pod_ranges) if family_of(p) == family]
    own = {number(a) for a in facts.addresses if family_of(a) == family}
    ranges = NestedRanges([*source_ranges(rules, family), *spans, *((a, a) for a in own)])
    groups: dict[Range | None, SourceGroup] = {}
    for text in sorted(a for a in sources if family_of(a) == family):
        address = number(text)
        span = ranges.narrowest(address)
        if span not in groups:
            groups[span] = _group(span, address, own, spans, family)
        groups[span].members.append(text)
    others = groups.pop(None, None) or _unlisted(ranges, family)
    return [*([others] if others else []), *groups.values()]


def _group(span: Range | None, address: int, own: Collection[int], pods: Iterable[Range], family: str) -> SourceGroup:
    if span is None:
        return SourceGroup(address, ANY_OTHER, "external")
    description = ", ".join(c.removesuffix("/32" if family == "ip" else "/128") for c in cidrs(span, family))
    if address in own:
        return SourceGroup(address, f"this node ({description})", "node")
    inside = any(first <= address <= last for first, last in pods)
    return SourceGroup(address, description, "pod" if inside else "external")


def _unlisted(ranges: NestedRanges, family: str) -> SourceGroup | None:
    """A group for every other address, represented by one that no rule tests; None if there is no such address."""
    candidates = [number(a) for a in _UNLISTED[family]] + [start for start in ranges.starts if start]
    free = (a for a in candidates if ranges.narrowest(a) is None)
    address = next(free, None)
    return None if address is None else SourceGroup(address, ANY_OTHER, "external")


def source_ranges(rules: RuleSet, family: str) -> list[Range]:
    """The source ranges that a node's rules test, as CIDRs."""
    import polars as pl

    ranges = set[Range]()
    second = rules.columns["spec"].str.extract(r"--src-range (\S+)")  # `source` has only the first of two
    for text in pl.concat([rules.columns["source"], second]).drop_nulls().unique():
        for part in text.removeprefix("!").split(","):
            if family_of(part) == family and (span := _range_or_none(part)) and not is_everything(span, family):
                ranges.update([span] if "-" not in part else (range_of(c) for c in cidrs(span, family)))
    return sorted(ranges)


def _range_or_none(text: str) -> Range | None:
    try:
        return range_of(text)
    except ValueError:
        return None


def class_description(groups: Iterable[SourceGroup]) -> str:
    """A class of source groups in words, as in `10.100.1.7, 10.100.1.8 and 3 more`."""
    descriptions = [group.description for group in groups]
    if ANY_OTHER in descriptions:
        return ANY_OTHER
    shown = ", ".join(descriptions[:3])
    return shown if len(descriptions) <= 3 else f"{shown} and {len(descriptions) - 3} more"
