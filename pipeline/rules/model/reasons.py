"""Why a trace is not certain: a sentence for readers, and a short code that programs test for."""

from __future__ import annotations

from typing import Self

CODES = {
    "dumps-differ": "Two dumps of the node show a chain, or a set that it uses, differently.",
    "destination-unknown": "The node's own addresses are unknown, and the destination may be one of them.",
    "endpoint-unknown": "The node's own addresses are unknown, and the endpoint may be one of them.",
    "source-unknown": "The node's own addresses are unknown, and the source may be one of them.",
    "interface-unknown": "A rule tests an interface that is unknown.",
    "redirect-unknown": "REDIRECT sends to the address of an interface that is unknown.",
    "policy-unknown": "A chain drops what its network policies do not accept; policies are not traced.",
    "match-unread": "A rule has a match that the dump or the tracer cannot answer.",
    "target-unread": "A rule has a target that is not traced, or of which not all is known.",
    "chain-missing": "A rule jumps to a chain that the dump does not contain, or a needed chain is missing.",
    "chain-loop": "A chain jumps back to itself.",
    "dump-damaged": "The dump as a whole lacks or distorts rules.",
    "ports-inferred": "The dump left ports out; they are taken from the Services.",
    "table-missing": "The nat or the filter table is not in the dump.",
    "too-many-branches": "Too many rules depend on what the dump does not show.",
}


class Reason(str):
    """The sentence, as a string; `code` is one of CODES."""

    __slots__ = ("code",)
    code: str

    def __new__(cls, code: str, text: str) -> Self:
        """A reason of a declared kind."""
        reason = super().__new__(cls, text)
        reason.code = code
        return reason


NO_POSTROUTING = Reason("chain-missing", "the nat POSTROUTING chain is not in the dump")
UNKNOWN_REDIRECT = Reason(
    "redirect-unknown", "REDIRECT goes to the address of the interface it came in by, which is not known"
)


def missing_chain(name: str, more: str = "") -> Reason:
    """A chain is jumped to and not in the dump."""
    return Reason("chain-missing", f"chain {name} is not in the dump{more}")


def endless_chain(name: str) -> Reason:
    """A chain enters itself again."""
    return Reason("chain-loop", f"chain {name} jumps back to itself")


def unread_target(why: str) -> Reason:
    """A rule has a target of which not all is known."""
    return Reason("target-unread", why)


def untraced_policies(chain: str) -> Reason:
    """A chain drops what network policies do not accept."""
    return Reason("policy-unknown", f"chain {chain} drops what its network policies do not accept: do they?")
