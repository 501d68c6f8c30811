"""`nft list ruleset`, and listings of one table, chain, map or set; with and without handles."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import LONGEST_RULE, Parsed, Reject, clip
from pipeline.formats.rule_dumps.nft_rows import parsed_listing, rule_columns

if TYPE_CHECKING:
    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_HANDLE = re.compile(r" # handle \d+$")
_TABLE = re.compile(r"^\s*table (ip|ip6|inet|bridge|arp|netdev) (\S+) \{", re.MULTILINE)
_OBJECT = re.compile(r"^\s*(set|map|chain) (\S+) \{\s*(\}?)$")
_OBJECT_SIGN = re.compile(r"^\s*(chain|map|set) \S+ \{( # handle \d+)?\s*$", re.MULTILINE)
_PROPERTY = re.compile(r"^(type|typeof|flags|timeout|size|gc-interval|comment|auto-merge|policy|counter$)\b")
_OTHER_OBJECT = re.compile(
    r"^\s*(flowtable|counter|quota|limit|ct helper|secmark|synproxy|ct timeout) \S+ .*\{|^\s*devices = "
)
_COMMA_OUTSIDE_QUOTES = re.compile(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")


@dataclass(slots=True)
class _Reader:
    """The rows so far; the table and the declaration of the chain, set or map that is open."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    table: tuple[str, str] | None = None
    declaration: Row | None = None
    rule_number: int = 0
    in_elements: bool = False

    def read_line(self, number: int, line: str) -> None:
        if len(line) > LONGEST_RULE:
            self.reject(number, line, "too long for a rule")
            return
        text = line.strip()
        if " # handle " in text:
            text = _HANDLE.sub("", text)
        if self.in_elements:
            self.add_elements(number, line, text)
        elif match := _TABLE.match(text):
            self.table, self.declaration = (match[1], match[2]), None
        elif match := _OBJECT.match(text):
            declaration = self.declare(number, line, match[1], match[2])
            self.declaration = None if match[3] else declaration
        elif text and not text.startswith("#") and (self.table or self.declaration):
            self.read_inside(number, line, text)

    def read_inside(self, number: int, line: str, text: str) -> None:
        """Read a line inside a table or an object."""
        if text == "}":
            self.table, self.declaration = (self.table if self.declaration else None), None
        elif self.declaration:
            self.read_inside_object(number, line, text, self.declaration)
        elif not _OTHER_OBJECT.match(text) and not text.startswith("comment"):
            self.reject(number, line, "not a table, chain, set, map or rule of nft")

    def read_inside_object(self, number: int, line: str, text: str, declaration: Row) -> None:
        """Read a line inside a chain, set or map."""
        is_set = str(declaration["chain"]).startswith("@")
        if is_set and text.startswith("elements = {"):
            self.add_elements(number, line, text.removeprefix("elements = {"))
        elif _PROPERTY.match(text) and (is_set or not text.startswith("counter")):
            _add_property(declaration, text)
        elif is_set:
            self.reject(number, line, "not a line of an nft set or map")
        else:
            self.add_row(number, line, str(declaration["chain"]), **rule_columns(text))

    def declare(self, number: int, line: str, kind: str, name: str) -> Row:
        """Add the row with rule_number 0 of a chain, set or map, and return it."""
        self.rule_number = 0
        chain, spec = (name, "") if kind == "chain" else (f"@{name}", kind)
        return self.add_row(number, line, chain, target="-", spec=spec)

    def add_elements(self, number: int, line: str, text: str) -> None:
        """Add the elements of a line; a list of elements may continue on many lines."""
        chain = str(self.declaration["chain"]) if self.declaration else "@"
        for element in _COMMA_OUTSIDE_QUOTES.split(text.removesuffix("}")):
            if element.strip():
                self.add_row(number, line, chain, **rule_columns(element.strip()))
        self.in_elements = not text.endswith("}")

    def add_row(self, number: int, line: str, chain: str, **columns: object) -> Row:
        family, table = self.table or ("ip", "unknown")
        row: Row = {"family": family, "table_name": table, "chain": chain, "rule_number": self.rule_number}
        row |= {"line_number": number, "text": line, **columns}
        self.rule_number += 1
        self.rows.append(row)
        return row

    def reject(self, number: int, line: str, reason: str) -> None:
        self.rejects.append(Reject(number, reason, clip(line)))


def _add_property(declaration: Row, text: str) -> None:
    """Add a property of a chain, set or map, such as `type ipv4_addr`, to its declaration."""
    if text.startswith("comment"):
        declaration["comment"] = text.removeprefix("comment").strip(' "')
        return
    declaration["spec"] = f"{declaration['spec']} {text}".strip()
    if policy := re.search(r"policy (\w+);", text):
        declaration["target"] = policy[1]


class NftList:
    """The output of `nft list`."""

    name = "nft-list"
    kind: Kind = "rules"
    sign = "blocks of tables and chains"

    def recognise(self, head: str) -> int:
        """Return a high score for a line that opens a table, a lower one for a chain, map or set alone."""
        return 95 if _TABLE.search(head) else 70 if _OBJECT_SIGN.search(head) else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per rule and element, and one with rule_number 0 per chain, set and map."""
        reader = _Reader()
        for number, line in source.lines():
            reader.read_line(number, line)
        is_cut = reader.in_elements or reader.declaration is not None or reader.table is not None
        return parsed_listing(reader.rows, reader.rejects, is_cut=is_cut)


FORMAT = NftList()
