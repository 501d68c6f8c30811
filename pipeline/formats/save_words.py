"""What a rule in iptables-save's grammar says of itself, a column each."""

from __future__ import annotations

import re
from typing import NamedTuple

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)')
_LONG_SOURCE = re.compile(r"(?:^|\s)(! )?--(?:source|src|src-range) (\S+)")


class Words(NamedTuple):
    """Columns of the table `rules` that a rule's own words give."""

    spec: str
    target: str | None = None
    protocol: str | None = None
    source: str | None = None
    destination: str | None = None
    comment: str | None = None


def save_words(spec: str) -> Words:
    """The columns of one rule."""
    source = _address(spec, "-s ")
    if source is None and "--s" in spec and (found := _LONG_SOURCE.search(spec)):
        source = f"!{found[2]}" if found[1] else found[2]
    return Words(spec, _target(spec), _address(spec, "-p "), source, _address(spec, "-d "), _comment(spec))


def _target(spec: str) -> str | None:
    for option in ("-j ", "-g "):
        before, found, after = spec.rpartition(option)
        if found and (not before or before[-1] == " "):
            return after.partition(" ")[0]
    return None


def _address(spec: str, option: str) -> str | None:
    """The value of a short option, `!` in front where it is negated."""
    at = spec.find(option)
    if at < 0 or (at > 0 and spec[at - 1] != " "):
        return None
    value = spec[at + 3 :].partition(" ")[0]
    return f"!{value}" if at > 1 and spec[at - 2] == "!" else value


def _comment(spec: str) -> str | None:
    _, found, after = spec.partition("--comment ")
    if not found:
        return None
    if not after.startswith('"'):
        return after.partition(" ")[0]
    if "\\" not in after:
        return after[1:].partition('"')[0]
    quoted = _QUOTED.match(after)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else None
