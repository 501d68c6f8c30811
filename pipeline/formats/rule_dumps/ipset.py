"""`ipset save` and `ipset list`: the sets that iptables rules match by name. A set is a chain `@NAME` in `rules`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import LONGEST_RULE, Parsed, Reject, clip
from pipeline.formats.rule_dumps.incomplete_dump import parsed_lines
from pipeline.rules.grammar.ipsets import TABLE

if TYPE_CHECKING:
    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_CREATE = re.compile(r"^create (\S+) ((?:hash|bitmap|list):\S+.*?)\s*$")
_ADD = re.compile(r"^add (\S+) (\S+.*?)\s*$")
_PROPERTY = re.compile(r"^(Name|Type|Revision|Header|Size in memory|References|Number of entries|Members): ?(.*?)\s*$")
_SIGN = re.compile(r"^create \S+ (hash|bitmap|list):|^Name: \S+\s*\nType: (hash|bitmap|list):", re.MULTILINE)
_ADDRESS = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-fA-F]*:[\da-fA-F:]*:[\da-fA-F.]*)(?:[/-]\S+)?$")


@dataclass(slots=True)
class _ListedSet:
    """A set of `ipset list` while its lines are read."""

    line_number: int
    line: str
    properties: dict[str, str] = field(default_factory=dict)
    members: list[tuple[int, str]] = field(default_factory=list)
    in_members: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether the listing has the set's type and all its members."""
        count = self.properties.get("Number of entries", "")
        is_short = count.isdigit() and int(count) != len(self.members)
        return self.in_members and "Type" in self.properties and not is_short


@dataclass(slots=True)
class _Reader:
    """The rows so far, the number of entries and the family of each set, and the listed set that is open."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    entry_counts: dict[str, int] = field(default_factory=dict)
    families: dict[str, str] = field(default_factory=dict)
    listed_set: _ListedSet | None = None

    def read_line(self, number: int, line: str) -> None:
        if len(line) > LONGEST_RULE:
            self.reject(number, line, "too long for an entry")
        elif match := _CREATE.match(line):
            self.add_set(number, line, match[1], match[2])
        elif (match := _ADD.match(line)) and match[1] in self.entry_counts:
            self.add_entry(number, line, match[1], match[2])
        elif match := _PROPERTY.match(line):
            self.read_property(number, line, match[1], match[2])
        elif not line.strip():
            self.close_listed_set()
        elif self.listed_set and self.listed_set.in_members:
            self.listed_set.members.append((number, line))
        elif line.startswith(("add ", "create ")):
            self.reject(number, line, "not an entry of a set that was created before")

    def read_property(self, number: int, line: str, name: str, value: str) -> None:
        """Read `Name: x`, `Type: hash:ip` and the like of `ipset list`."""
        if name == "Name":
            self.close_listed_set()
            self.listed_set = _ListedSet(number, line)
        if self.listed_set:
            self.listed_set.properties[name] = value
            self.listed_set.in_members = name == "Members"

    def close_listed_set(self) -> None:
        """Add the rows of a listed set, or reject it: with a part of a set, no address can be ruled out."""
        listed, self.listed_set = self.listed_set, None
        if not listed:
            return
        if not listed.is_complete:
            self.reject(listed.line_number, listed.line, "the listing does not show all members of this set")
            return
        name, properties = listed.properties["Name"], listed.properties
        spec = f"{properties['Type']} {properties.get('Header', '')}".strip()
        self.add_set(listed.line_number, listed.line, name, spec)
        for number, line in listed.members:
            self.add_entry(number, line, name, line.strip())

    def add_set(self, number: int, line: str, name: str, spec: str) -> None:
        self.entry_counts[name] = 0
        self.families[name] = "ip6" if re.search(r"\bfamily inet6\b", spec) else "ip"
        self.add_row(number, line, name, {"target": "-", "spec": spec})

    def add_entry(self, number: int, line: str, name: str, spec: str) -> None:
        self.entry_counts[name] += 1
        addresses = ",".join(part for part in spec.split()[0].split(",") if _ADDRESS.match(part))
        self.add_row(number, line, name, {"source": addresses or None, "spec": spec})

    def add_row(self, number: int, line: str, name: str, columns: Row) -> None:
        row: Row = {"family": self.families[name], "table_name": TABLE, "chain": f"@{name}"}
        self.rows.append(row | {"rule_number": self.entry_counts[name], "line_number": number, "text": line} | columns)

    def reject(self, number: int, line: str, reason: str) -> None:
        self.rejects.append(Reject(number, reason, clip(line)))


class Ipset:
    """The output of the tool ipset."""

    name = "ipset"
    kind: Kind = "rules"
    sign = "lines with create or Name: and members"

    def recognise(self, head: str) -> int:
        """Return a high score for a line that creates a set, or lists one with its type."""
        return 90 if _SIGN.search(head) else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per entry, and one with rule_number 0 per set."""
        reader = _Reader()
        for number, line in source.lines():
            reader.read_line(number, line)
        reader.close_listed_set()
        return parsed_lines(source, reader.rows, reader.rejects, [])


FORMAT = Ipset()
