"""Where two dumps of one node differ: what rests on the difference is not certain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.grammar.nft_sets import key_of
from pipeline.rules.model.ip_ranges import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.rules.model.reasons import Reason
    from pipeline.rules.model.targets import Rule

Place = tuple[int | None, int | None]  # destination address and port, None for any
_PASSING = re.compile(r"counter packets \d+ bytes \d+ ?|(?:^| )-c \d+ \d+(?= |$)| expires \S+")
_ASKED = re.compile(r"(?:@|--match-set )([\w.-]+)")
_ANYWHERE: Place = (None, None)


@dataclass(frozen=True, slots=True)
class Dispute:
    """Two dumps show a chain, or a set that it asks, differently: what to say, and the destinations it matters to."""

    reason: Reason
    places: frozenset[Place]

    def touches(self, dst: int, port: int) -> bool:
        """Whether what differs could match this destination."""
        return not self.places.isdisjoint(((dst, port), (dst, None), (None, port), _ANYWHERE))


def lasting(spec: str) -> str:
    """A rule or an element without what changes from dump to dump: counters, and the time that is left."""
    return _PASSING.sub("", spec).strip()


def comparable(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether rules are in one grammar: nft's view of iptables' rules leaves parts out, so it cannot say."""
    return {spec[0] in "-!" for spec in one if spec} == {spec[0] in "-!" for spec in other if spec}


def asked(specs: Iterable[str]) -> list[str]:
    """The sets and maps that rules ask by name."""
    return sorted({name for spec in specs for name in _ASKED.findall(spec)})


def effect(rule: Rule) -> str:
    """What a rule does, however it is written."""
    return repr((rule.steps, rule.outcome))


def element_place(spec: str) -> Place:
    """The destination that an element of an nft set or map is about, as far as its key is one."""
    parts = key_of(spec).split(" . ")
    if len(parts) > 3:  # a hairpin's source comes first
        return _ANYWHERE
    try:
        address = number(parts[0])
    except ValueError:
        address = None
    return address, int(parts[-1]) if parts[-1].isdigit() else None
