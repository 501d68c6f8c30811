"""What a rule tests and changes: its steps. Each step splits a branch into packets that match and packets that do not.

Example: `-s 10.100.0.0/16` becomes `Source`, `! -s 10.100.0.0/16` becomes `Not(Source)`.
If the dump cannot answer a test, both results are followed, and each branch keeps the answer that it assumes.
This is the whole of the three-valued logic, and it is the same for iptables and nft.
"""

# ruff: noqa: ARG002 (every step takes the context, but few need it)

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pipeline.rules.model.branch import split_by_assumption
from pipeline.rules.model.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.rules.model.branch import Branch, Split
    from pipeline.rules.model.context import TraceContext
    from pipeline.rules.model.ip_ranges import Range


OWNER_QUESTIONS = {
    which: Reason(f"{which}-unknown", f"the node's own addresses are not known: is the {which} one of them?")
    for which in ("source", "destination", "endpoint")
}


class Step(Protocol):
    """A test of a packet, or a change of its fwmark or tracking."""

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """(packets that match, packets that do not); may change `branch`, the caller does not use it again."""
        ...


def _all_or_none(branch: Branch, answer: bool) -> Split:
    return (branch, None) if answer else (None, branch)


def unknown_owner(branch: Branch) -> Reason:
    """The question to ask if the node's addresses are not known; after DNAT it is about the endpoint."""
    return OWNER_QUESTIONS["endpoint" if branch.translated else "destination"]


def _within(value: int, ranges: tuple[Range, ...]) -> bool:
    return any(first <= value <= last for first, last in ranges)


@dataclass(slots=True)
class Not:
    """`!`: the negation of a match."""

    step: Step

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """The two parts, swapped."""
        yes, no = self.step.split(branch, context)
        return no, yes


def without_negation(step: Step) -> Step:
    """The match itself, negated or not."""
    while isinstance(step, Not):
        step = step.step
    return step


@dataclass(slots=True)
class Source:
    """Whether the source address is within ranges."""

    ranges: tuple[Range, ...]

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """By the source address."""
        inside = context.sources_in(self.ranges) & branch.sources
        if inside == branch.sources:
            return branch, None
        return (branch.only(inside), branch.only(~inside)) if inside else (None, branch)


@dataclass(slots=True)
class Destination:
    """Whether the destination address is within ranges."""

    ranges: tuple[Range, ...]

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """By the current destination."""
        return _all_or_none(branch, _within(branch.dst, self.ranges))


@dataclass(frozen=True, slots=True)
class ProtocolIs:
    """Whether the protocol is one of several."""

    names: frozenset[str]

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """By the protocol."""
        return _all_or_none(branch, context.protocol in self.names)


@dataclass(slots=True)
class DestinationPort:
    """Whether the destination port is within ranges."""

    ranges: tuple[Range, ...]

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """By the current destination port."""
        return _all_or_none(branch, _within(branch.port, self.ranges))


@dataclass(frozen=True, slots=True)
class InSet:
    """Whether destination, protocol and port are together in a set; each entry has the sources that it applies to."""

    fields: tuple[str, ...]
    entries: Mapping[tuple[object, ...], tuple[Range, ...]]

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """By the sources in the entry of this destination."""
        sources = self.entries.get(field_values(self.fields, branch, context))
        return Source(sources).split(branch, context) if sources else (None, branch)


def field_values(fields: Iterable[str], branch: Branch, context: TraceContext) -> tuple[object, ...]:
    """The current values of a packet's fields."""
    values = {"dst": branch.dst, "protocol": context.protocol, "port": branch.port}
    return tuple(values[name] for name in fields)


@dataclass(frozen=True, slots=True)
class Mark:
    """Whether the packet mark (or connection mark) has a value under a mask."""

    value: int
    mask: int
    connection: bool = False

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """By the current fwmark."""
        return _all_or_none(branch, (branch.ct_mark if self.connection else branch.mark) & self.mask == self.value)


@dataclass(frozen=True, slots=True)
class SetMark:
    """Clear the bits of `mask`, then flip the bits of `flip`."""

    mask: int
    flip: int
    connection: bool = False

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """All packets match."""
        if self.connection:
            branch.ct_mark = branch.ct_mark & ~self.mask ^ self.flip
        else:
            branch.mark = branch.mark & ~self.mask ^ self.flip
        return branch, None


@dataclass(frozen=True, slots=True)
class CopyMark:
    """Save the packet's mark to the connection, or restore it from the connection."""

    save: bool
    mask: int = 0xFFFFFFFF

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """All packets match."""
        if self.save:
            branch.ct_mark = branch.ct_mark & ~self.mask | branch.mark & self.mask
        else:
            branch.mark = branch.mark & ~self.mask | branch.ct_mark & self.mask
        return branch, None


@dataclass(frozen=True, slots=True)
class ConntrackState:
    """Whether conntrack has the connection in one of these states; a trace follows the first packet of a connection."""

    states: frozenset[str]

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """By NEW (or UNTRACKED), and DNAT or SNAT after a translation."""
        current = {"UNTRACKED" if branch.untracked else "NEW"}
        current |= {"DNAT"} if branch.translated else set()
        current |= {"SNAT"} if branch.source_nat else set()
        return _all_or_none(branch, bool(current & self.states))


@dataclass(frozen=True, slots=True)
class IsLocal:
    """Whether an address is the node's own (`addrtype`, `fib`)."""

    of_source: bool

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """By the node's addresses; both results if they are not known."""
        if self.of_source:
            own = context.local_sources()
            if own is None:
                return split_by_assumption(branch, OWNER_QUESTIONS["source"])
            return branch.only(own), branch.only(~own)
        local = context.is_local(branch.dst)
        return split_by_assumption(branch, unknown_owner(branch)) if local is None else _all_or_none(branch, local)


@dataclass(slots=True)
class RandomShare:
    """A random share of new connections (`statistic --probability`, `meta random`)."""

    share: float

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """Both results, each with its share."""
        if self.share >= 1:
            return branch, None
        return (branch.part(self.share), branch.part(1 - self.share)) if self.share > 0 else (None, branch)


@dataclass(frozen=True, slots=True)
class InRecentList:
    """Whether the client is in an xt_recent list or an affinity set; a trace follows a client that is not."""

    seconds: int | None
    row: int = field(compare=False, repr=False)  # two rules with the same effect are equal, whatever their rows

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """No packet matches, but the rule shows that the service has affinity: keep its timeout and its row."""
        branch.affinity_s = self.seconds if self.seconds is not None else branch.affinity_s
        branch.trail = ((self.row,), branch.trail)
        return None, branch


POD_INTERFACES = ("azv", "cali", "veth", "lxc", "cbr", "cni", "docker", "eni", "gke", "nodelocaldns", "kube-bridge")


@dataclass(frozen=True, slots=True)
class Interface:
    """The interface that a packet arrives at or leaves by; a name, or a prefix and `+`."""

    name: str
    incoming: bool

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """Known for the node's own packets, and for pod interfaces if the origin is known; otherwise both results."""
        if self.incoming and context.origin == "node":
            return _all_or_none(branch, self.name in ("+", "lo"))
        if self.name in ("+", "*"):
            return branch, None
        if self.incoming and context.origin and self.name.startswith(POD_INTERFACES) and self.name.endswith("+"):
            return _all_or_none(branch, context.origin == "pod")
        if self.name == "lo":
            return _all_or_none(branch, False)
        side = "came in" if self.incoming else "goes out"
        question = f"the interface it {side} by is not known: is it {self.name}?"
        return split_by_assumption(branch, Reason("interface-unknown", question))


@dataclass(frozen=True, slots=True)
class UnknownMatch:
    """A match that cannot be evaluated from the dump, and why."""

    reason: str

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """Both results."""
        return split_by_assumption(branch, Reason("match-unread", self.reason))


@dataclass(frozen=True, slots=True)
class Never:
    """A match that is never true of the first packet of a traced connection."""

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """No packet matches."""
        return None, branch


@dataclass(frozen=True, slots=True)
class NoTrack:
    """`CT --notrack`: the packet is not tracked, so it is not translated."""

    def split(self, branch: Branch, context: TraceContext) -> Split:
        """All packets match."""
        branch.untracked = True
        return branch, None
