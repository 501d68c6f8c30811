"""nft's sets and maps: elements to steps and outcomes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pipeline.rules.grammar.values import PROTOCOLS, dnat, port_ranges
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
    """A set or map: its declaration and its elements, each with its row."""

    declaration: str
    elements: list[tuple[int, str]] = field(default_factory=list)

    @property
    def dynamic(self) -> bool:
        """Whether packets add to it themselves."""
        return "dynamic" in self.declaration or "timeout" in self.declaration

    @property
    def timeout_s(self) -> int | None:
        """How long an element stays."""
        found = re.search(r"timeout ((?:\d+[dhms])+|\d+)", self.declaration)
        return seconds(found[1]) if found else None


class Sets(Protocol):
    """Where named sets and maps come from."""

    def __call__(self, name: str) -> Elements | None:
        """The set or map; None if the dump does not show it."""
        ...


def seconds(text: str) -> int:
    """`3h`, `2h59m`, `10800`."""
    if text.isdigit():
        return int(text)
    return sum(int(n) * _SECONDS[unit] for n, unit in re.findall(r"(\d+)([dhms])(?!s)", text))


def verdict(text: str) -> t.Target:
    """`goto X`, `jump X`, `drop` ..."""
    word, _, chain = text.partition(" ")
    if word in ("goto", "jump"):
        return t.Jump(chain, goto=word == "goto")
    if word in _VERDICTS:
        return t.Verdict(word)
    if word in ("return", "continue"):
        return t.Return() if word == "return" else t.Continue()
    return t.UnknownTarget(f"not understood: {text}")


def dnat_to(text: str) -> t.Target:
    """`10.0.0.1 . 80`."""
    address, dot, port = text.partition(" . ")
    return t.Dnat(number(address), int(port)) if dot else dnat(text)


def choice(whole: int, elements: Elements | None, read: Callable[[str], t.Target]) -> t.Target:
    """A random pick among `whole` numbers."""
    if elements is None:
        return t.UnknownTarget("a map is not in the dump")
    options = []
    for _, text in elements.elements:
        key, _, value = text.partition(" : ")
        first, _, last = key.partition("-")
        options.append(((int(last or first) - int(first) + 1) / whole, read(value.strip())))
    return t.RandomChoice(tuple(options))


def key_of(text: str) -> str:
    """An element's key: without its comment, its timeout and its value."""
    return (
        re.sub(r"(?: comment .*?| timeout \S+| expires \S+)*(?= : |$)", "", text, count=1).partition(" : ")[0].strip()
    )


def lookup(fields: list[str], elements: Elements | None) -> t.Target:
    """A verdict map over fields of the destination."""
    if elements is None:
        return t.UnknownTarget("a map is not in the dump")
    if not set(fields) <= {"dst", "protocol", "port"}:
        return t.UnknownTarget(f"not understood: a map by {' . '.join(fields)}")
    entries: dict[t.Key, tuple[t.Target, int]] = {}
    for row, text in elements.elements:
        key = tuple(exact_value(f, v) for f, v in zip(fields, key_of(text).split(" . "), strict=True))
        value = re.sub(r" (?:comment|timeout|expires) .*$", "", text.rpartition(" : ")[2])
        entries.setdefault(key, (verdict(value.strip()), row))
    return t.VerdictMap(tuple(fields), entries)


def exact_value(name: str, text: str) -> object:
    """A value of a field as the tracer holds it."""
    if name in ("src", "dst"):
        return number(text)
    return PROTOCOLS.get(text, text) if name == "protocol" else port_ranges(text)[0][0]


def listed(fields: list[str], keys: Sequence[str]) -> m.Step:
    """Membership of one or several fields in a list of keys.

    Raises:
        ValueError: a field is none that is known, or a key is no value of its field.
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
    return _tuples(fields, keys)


def _tuples(fields: list[str], keys: Sequence[str]) -> m.Step:
    if not set(fields) <= {"src", "dst", "protocol", "port"}:
        raise ValueError("fields")
    by_key: dict[tuple[object, ...], list[Range]] = {}
    for key in keys:
        values = dict(zip(fields, key.split(" . "), strict=True))
        source = range_of(values.pop("src")) if "src" in values else (0, 1 << 128)
        by_key.setdefault(tuple(exact_value(f, v) for f, v in values.items()), []).append(source)
    known = tuple(f for f in fields if f != "src")
    return m.InSet(known, {k: tuple(v) for k, v in by_key.items()})
