"""Compiles nft's sets and maps: elements to matches and targets.

Example: the element `10.200.0.1 . tcp . 80 : goto service-X` of the map service-ips becomes an entry of a VerdictMap:
the key (10.200.0.1, tcp, 80) and the target Jump("service-X").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pipeline.rules.grammar.values import PROTOCOLS, parse_dnat, port_ranges
from pipeline.rules.model import matches as m
from pipeline.rules.model import targets as t
from pipeline.rules.model.ip_ranges import number, range_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.rules.model.ip_ranges import Range

_VERDICTS = {"accept", "drop", "reject"}
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@dataclass(slots=True)
class Elements:
    """The declaration of a set or map, and its elements with their rows."""

    declaration: str
    elements: list[tuple[int, str]] = field(default_factory=list)

    @property
    def dynamic(self) -> bool:
        """Whether packets add elements."""
        return "dynamic" in self.declaration or "timeout" in self.declaration

    @property
    def timeout_s(self) -> int | None:
        """The lifetime of an element in seconds."""
        timeout = re.search(r"timeout ((?:\d+[dhms])+|\d+)", self.declaration)
        return seconds(timeout[1]) if timeout else None


class Sets(Protocol):
    """Returns a set or map by its name."""

    def __call__(self, name: str) -> Elements | None:
        """The set or map; None if the dump does not show it."""
        ...


def seconds(text: str) -> int:
    """`3h`, `2h59m`, `10800`."""
    if text.isdigit():
        return int(text)
    return sum(int(n) * _SECONDS[unit] for n, unit in re.findall(r"(\d+)([dhms])(?!s)", text))


def parse_verdict(text: str) -> t.Target:
    """`goto X`, `jump X`, `drop` ..."""
    word, _, chain = text.partition(" ")
    if word in ("goto", "jump"):
        return t.Jump(chain, goto=word == "goto")
    if word in _VERDICTS:
        return t.Verdict(word)
    if word in ("return", "continue"):
        return t.Return() if word == "return" else t.Continue()
    return t.UnknownTarget(f"not understood: {text}")


def dnat_of_element(text: str) -> t.Target:
    """`10.0.0.1 . 80`."""
    address, dot, port = text.partition(" . ")
    return t.Dnat(number(address), int(port)) if dot else parse_dnat(text)


def random_choice(modulus: int, elements: Elements | None, parse: Callable[[str], t.Target]) -> t.Target:
    """The target of `numgen random mod N`: an element's share is the number of its keys divided by N."""
    if elements is None:
        return t.UnknownTarget("a map is not in the dump")
    options = []
    for _, text in elements.elements:
        key, _, value = text.partition(" : ")
        first, _, last = key.partition("-")
        options.append(((int(last or first) - int(first) + 1) / modulus, parse(value.strip())))
    return t.RandomChoice(tuple(options))


def element_key(text: str) -> str:
    """An element's key, without comment, timeout and value."""
    return (
        re.sub(r"(?: comment .*?| timeout \S+| expires \S+)*(?= : |$)", "", text, count=1).partition(" : ")[0].strip()
    )


def verdict_map(fields: list[str], elements: Elements | None) -> t.Target:
    """The target of `vmap` with these fields of the destination."""
    if elements is None:
        return t.UnknownTarget("a map is not in the dump")
    if not set(fields) <= {"dst", "protocol", "port"}:
        return t.UnknownTarget(f"not understood: a map by {' . '.join(fields)}")
    entries: dict[t.Key, tuple[t.Target, int]] = {}
    for row, text in elements.elements:
        key = tuple(field_value(f, v) for f, v in zip(fields, element_key(text).split(" . "), strict=True))
        value = re.sub(r" (?:comment|timeout|expires) .*$", "", text.rpartition(" : ")[2])
        entries.setdefault(key, (parse_verdict(value.strip()), row))
    return t.VerdictMap(tuple(fields), entries)


def field_value(name: str, text: str) -> object:
    """The value of a field as in a packet: an address and a port are integers."""
    if name in ("src", "dst"):
        return number(text)
    return PROTOCOLS.get(text, text) if name == "protocol" else port_ranges(text)[0][0]


def field_match(fields: list[str], keys: Sequence[str]) -> m.Step:
    """The match of one or several fields with a list of keys.

    Raises:
        ValueError: a field is not supported, or a key is not a value of its field.
    """
    if fields == ["src"]:
        return m.Source(tuple(map(range_of, keys)))
    if fields == ["dst"] and any("/" in k or "-" in k for k in keys):
        return m.Destination(tuple(map(range_of, keys)))
    if fields == ["dst"] and len(keys) == 1:
        return m.Destination((range_of(keys[0]),))
    if fields == ["port"]:
        return m.DestinationPort(tuple(r for k in keys for r in port_ranges(k)))
    if fields == ["protocol"]:
        return m.ProtocolIs(frozenset(PROTOCOLS.get(k, k) for k in keys))
    if fields in (["iifname"], ["oifname"]):
        return m.Interface(keys[0].replace("*", "+"), incoming=fields == ["iifname"])
    return _in_set(fields, keys)


def _in_set(fields: list[str], keys: Sequence[str]) -> m.Step:
    if not set(fields) <= {"src", "dst", "protocol", "port"}:
        raise ValueError("fields")
    by_key: dict[tuple[object, ...], list[Range]] = {}
    for key in keys:
        values = dict(zip(fields, key.split(" . "), strict=True))
        source = range_of(values.pop("src")) if "src" in values else (0, 1 << 128)
        by_key.setdefault(tuple(field_value(f, v) for f, v in values.items()), []).append(source)
    destination_fields = tuple(f for f in fields if f != "src")
    return m.InSet(destination_fields, {k: tuple(v) for k, v in by_key.items()})
