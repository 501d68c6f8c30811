"""What a rule tests and changes. Every step splits packets into those that go on and those that do not.

A test that the dump cannot answer sends both ways, each branch remembering what it took for granted: that is all there
is to three-valued logic here, and it is the same for iptables and nft.
"""

# ruff: noqa: ARG002 (every step takes the scene, few need it)

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pipeline.rules.model.reasons import Reason
from pipeline.rules.tracing.state import unclear

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.rules.model.ip_ranges import Range
    from pipeline.rules.tracing.state import Scene, Split, State


OWNER_QUESTIONS = {
    which: Reason(f"{which}-unknown", f"the node's own addresses are not known: is the {which} one of them?")
    for which in ("source", "destination", "endpoint")
}


class Step(Protocol):
    """A test or a change."""

    def split(self, state: State, scene: Scene) -> Split:
        """(packets that go on with the rule, packets that leave it); owns `state` and may change it."""
        ...


def _both(state: State, answer: bool) -> Split:
    return (state, None) if answer else (None, state)


def unknown_owner(state: State) -> Reason:
    """What to ask where the node's addresses are not known; the address chosen is not the one dialled."""
    return OWNER_QUESTIONS["endpoint" if state.translated else "destination"]


def _within(value: int, ranges: tuple[Range, ...]) -> bool:
    return any(first <= value <= last for first, last in ranges)


@dataclass(slots=True)
class Not:
    """`!`: the other way round."""

    step: Step

    def split(self, state: State, scene: Scene) -> Split:
        """Swapped."""
        yes, no = self.step.split(state, scene)
        return no, yes


def bare(step: Step) -> Step:
    """The test itself, whether negated or not."""
    while isinstance(step, Not):
        step = step.step
    return step


@dataclass(slots=True)
class Source:
    """Source address within ranges."""

    ranges: tuple[Range, ...]

    def split(self, state: State, scene: Scene) -> Split:
        """By source."""
        inside = scene.among(self.ranges) & state.sources
        if inside == state.sources:
            return state, None
        return (state.only(inside), state.only(~inside)) if inside else (None, state)


@dataclass(slots=True)
class Destination:
    """Destination address within ranges."""

    ranges: tuple[Range, ...]

    def split(self, state: State, scene: Scene) -> Split:
        """By the destination as it is now."""
        return _both(state, _within(state.dst, self.ranges))


@dataclass(frozen=True, slots=True)
class ProtocolIs:
    """Protocol, one of several."""

    names: frozenset[str]

    def split(self, state: State, scene: Scene) -> Split:
        """By protocol."""
        return _both(state, scene.protocol in self.names)


@dataclass(slots=True)
class Port:
    """Destination port within ranges."""

    ranges: tuple[Range, ...]

    def split(self, state: State, scene: Scene) -> Split:
        """By the destination port as it is now."""
        return _both(state, _within(state.port, self.ranges))


@dataclass(frozen=True, slots=True)
class Listed:
    """Destination, protocol and port together in a list, each entry with the sources it is for."""

    fields: tuple[str, ...]
    entries: Mapping[tuple[object, ...], tuple[Range, ...]]

    def split(self, state: State, scene: Scene) -> Split:
        """By the sources that are listed with this destination."""
        here = self.entries.get(key(self.fields, state, scene))
        return Source(here).split(state, scene) if here else (None, state)


def key(fields: Iterable[str], state: State, scene: Scene) -> tuple[object, ...]:
    """What a packet has in these fields."""
    now = {"dst": state.dst, "protocol": scene.protocol, "port": state.port}
    return tuple(now[name] for name in fields)


@dataclass(frozen=True, slots=True)
class Mark:
    """Packet mark (or connection mark) under a mask."""

    value: int
    mask: int
    connection: bool = False

    def split(self, state: State, scene: Scene) -> Split:
        """By the mark as it is now."""
        return _both(state, (state.ct_mark if self.connection else state.mark) & self.mask == self.value)


@dataclass(frozen=True, slots=True)
class SetMark:
    """Clear the bits of `mask`, then flip those of `flip`."""

    mask: int
    flip: int
    connection: bool = False

    def split(self, state: State, scene: Scene) -> Split:
        """Always goes on."""
        if self.connection:
            state.ct_mark = state.ct_mark & ~self.mask ^ self.flip
        else:
            state.mark = state.mark & ~self.mask ^ self.flip
        return state, None


@dataclass(frozen=True, slots=True)
class CopyMark:
    """Save the packet's mark to the connection, or restore it from there."""

    save: bool
    mask: int = 0xFFFFFFFF

    def split(self, state: State, scene: Scene) -> Split:
        """Always goes on."""
        if self.save:
            state.ct_mark = state.ct_mark & ~self.mask | state.mark & self.mask
        else:
            state.mark = state.mark & ~self.mask | state.ct_mark & self.mask
        return state, None


@dataclass(frozen=True, slots=True)
class Connection:
    """Connection tracking state; a trace follows the first packet of a connection."""

    states: frozenset[str]

    def split(self, state: State, scene: Scene) -> Split:
        """NEW (or UNTRACKED), and DNAT or SNAT once translated."""
        now = {"UNTRACKED" if state.untracked else "NEW"}
        now |= {"DNAT"} if state.translated else set()
        now |= {"SNAT"} if state.source_nat else set()
        return _both(state, bool(now & self.states))


@dataclass(frozen=True, slots=True)
class Local:
    """Whether an address is the node's own (`addrtype`, `fib`)."""

    of_source: bool

    def split(self, state: State, scene: Scene) -> Split:
        """By the node's addresses, where they are known."""
        if self.of_source:
            mine = scene.local_sources()
            if mine is None:
                return unclear(state, OWNER_QUESTIONS["source"])
            return state.only(mine), state.only(~mine)
        local = scene.is_local(state.dst)
        return unclear(state, unknown_owner(state)) if local is None else _both(state, local)


@dataclass(slots=True)
class Chance:
    """A random share of new connections."""

    share: float

    def split(self, state: State, scene: Scene) -> Split:
        """Both ways, each with its share."""
        if self.share >= 1:
            return state, None
        return (state.part(self.share), state.part(1 - self.share)) if self.share > 0 else (None, state)


@dataclass(frozen=True, slots=True)
class Remembered:
    """Whether the client was here before; a trace asks where a client goes that was not."""

    seconds: int | None
    row: int = field(compare=False, repr=False)  # where it stands is no part of what it does

    def split(self, state: State, scene: Scene) -> Split:
        """Never goes on, but the service has affinity, and this rule says so."""
        state.affinity_s = self.seconds if self.seconds is not None else state.affinity_s
        state.trail = ((self.row,), state.trail)
        return None, state


POD_INTERFACES = ("azv", "cali", "veth", "lxc", "cbr", "cni", "docker", "eni", "gke", "nodelocaldns", "kube-bridge")


@dataclass(frozen=True, slots=True)
class Interface:
    """Interface it came in by or goes out by; a name or a prefix and `+`."""

    name: str
    incoming: bool

    def split(self, state: State, scene: Scene) -> Split:
        """Known for the node's own packets, and for pod interfaces where the origin is known; else both ways."""
        if self.incoming and scene.origin == "node":
            return _both(state, self.name in ("+", "lo"))
        if self.name in ("+", "*"):
            return state, None
        if self.incoming and scene.origin and self.name.startswith(POD_INTERFACES) and self.name.endswith("+"):
            return _both(state, scene.origin == "pod")
        if self.name == "lo":
            return _both(state, False)
        side = "came in" if self.incoming else "goes out"
        question = f"the interface it {side} by is not known: is it {self.name}?"
        return unclear(state, Reason("interface-unknown", question))


@dataclass(frozen=True, slots=True)
class Unclear:
    """A test that cannot be answered from the dump, and why."""

    reason: str

    def split(self, state: State, scene: Scene) -> Split:
        """Both ways."""
        return unclear(state, Reason("match-unread", self.reason))


@dataclass(frozen=True, slots=True)
class Never:
    """Not true of the first packet of a connection as traced here."""

    def split(self, state: State, scene: Scene) -> Split:
        """Leaves."""
        return None, state


@dataclass(frozen=True, slots=True)
class Untrack:
    """`CT --notrack`: not tracked, so not translated."""

    def split(self, state: State, scene: Scene) -> Split:
        """Always goes on."""
        state.untracked = True
        return state, None
