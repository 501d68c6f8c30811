"""`ipset save` and `ipset list`: sets that iptables rules ask for by name; they become rows of `rules`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import LONGEST_RULE, Parsed, Reject, clip
from pipeline.formats.rule_dumps.incomplete import listed
from pipeline.rules.grammar.ipsets import TABLE

if TYPE_CHECKING:
    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_CREATED = re.compile(r"^create (\S+) ((?:hash|bitmap|list):\S+.*?)\s*$")
_ADDED = re.compile(r"^add (\S+) (\S+.*?)\s*$")
_TITLE = re.compile(r"^(Name|Type|Revision|Header|Size in memory|References|Number of entries|Members): ?(.*?)\s*$")
_HEAD = re.compile(r"^create \S+ (hash|bitmap|list):|^Name: \S+\s*\nType: (hash|bitmap|list):", re.MULTILINE)
_ADDRESS = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-fA-F]*:[\da-fA-F:]*:[\da-fA-F.]*)(?:[/-]\S+)?$")


@dataclass(slots=True)
class _Listed:
    """A set of `ipset list`, until all of it was seen."""

    line_number: int
    line: str
    said: dict[str, str]
    members: list[tuple[int, str]] = field(default_factory=list)
    shown: bool = False


@dataclass(slots=True)
class _Reader:
    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    families: dict[str, str] = field(default_factory=dict)
    open: _Listed | None = None

    def line(self, number: int, line: str) -> None:
        if len(line) > LONGEST_RULE:
            self.reject(number, line, "too long for an entry")
        elif found := _CREATED.match(line):
            self.declare(number, line, found[1], found[2])
        elif (found := _ADDED.match(line)) and found[1] in self.places:
            self.add(number, line, found[1], found[2])
        elif found := _TITLE.match(line):
            self.title(number, line, found[1], found[2])
        elif not line.strip():
            self.close()
        elif self.open and self.open.shown:
            self.open.members.append((number, line))
        elif line.startswith(("add ", "create ")):
            self.reject(number, line, "not an entry of a set that was created before")

    def title(self, number: int, line: str, name: str, value: str) -> None:
        """`Name: x`, `Type: hash:ip` ... of `ipset list`."""
        if name == "Name":
            self.close()
            self.open = _Listed(number, line, {})
        if self.open:
            self.open.said[name] = value
            self.open.shown = name == "Members"

    def close(self) -> None:
        """Keep a listed set if all of its members were shown; a part of a set says nothing for certain."""
        one, self.open = self.open, None
        if not one:
            return
        told = one.said.get("Number of entries", "")
        if not one.shown or "Type" not in one.said or (told.isdigit() and int(told) != len(one.members)):
            self.reject(one.line_number, one.line, "not all members of this set are shown")
            return
        name = one.said["Name"]
        self.declare(one.line_number, one.line, name, f"{one.said['Type']} {one.said.get('Header', '')}".strip())
        for number, line in one.members:
            self.add(number, line, name, line.strip())

    def declare(self, number: int, line: str, name: str, spec: str) -> None:
        self.places[name] = 0
        self.families[name] = "ip6" if re.search(r"\bfamily inet6\b", spec) else "ip"
        self.keep(number, line, name, {"target": "-", "spec": spec})

    def add(self, number: int, line: str, name: str, spec: str) -> None:
        self.places[name] += 1
        addresses = ",".join(part for part in spec.split()[0].split(",") if _ADDRESS.match(part))
        self.keep(number, line, name, {"source": addresses or None, "spec": spec})

    def keep(self, number: int, line: str, name: str, columns: Row) -> None:
        row: Row = {"family": self.families[name], "table_name": TABLE, "chain": f"@{name}"}
        self.rows.append(row | {"rule_number": self.places[name], "line_number": number, "text": line} | columns)

    def reject(self, number: int, line: str, reason: str) -> None:
        self.rejects.append(Reject(number, reason, clip(line)))


class Ipset:
    """What the tool ipset prints."""

    name = "ipset"
    kind: Kind = "rules"
    sign = "lines with create or Name: and members"

    def recognise(self, head: str) -> int:
        """Sure where a set is created, or listed with its type."""
        return 90 if _HEAD.search(head) else 0

    def parse(self, source: Source) -> Parsed:
        """One row an entry, and one with rule_number 0 a set."""
        reader = _Reader()
        for number, line in source.lines():
            reader.line(number, line)
        reader.close()
        return listed(source, reader.rows, reader.rejects, [])


FORMAT = Ipset()
