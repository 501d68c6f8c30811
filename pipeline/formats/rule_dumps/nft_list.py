"""`nft list ruleset`, `nft list table`, `nft list map`, `nft list set`, with and without handles."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import LONGEST_RULE, Parsed, Reject, clip
from pipeline.formats.rule_dumps.nft_common import finished, rule_columns

if TYPE_CHECKING:
    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_HANDLE = re.compile(r" # handle \d+$")
_TABLE = re.compile(r"^\s*table (ip|ip6|inet|bridge|arp|netdev) (\S+) \{")
_OBJECT = re.compile(r"^\s*(set|map|chain) (\S+) \{\s*(\}?)$")
_DECLARES = re.compile(r"^(type|typeof|flags|timeout|size|gc-interval|comment|auto-merge|policy|counter$)\b")
_OTHER_OBJECT = re.compile(
    r"^\s*(flowtable|counter|quota|limit|ct helper|secmark|synproxy|ct timeout) \S+ .*\{|^\s*devices = "
)


@dataclass(slots=True)
class _Reader:
    """Where in the text it is, and what was read."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    table: tuple[str, str] | None = None
    declared: Row | None = None
    place: int = 0
    element: str = ""
    element_line: int = 0
    in_elements: bool = False

    def line(self, number: int, line: str) -> None:
        if len(line) > LONGEST_RULE:
            self.rejects.append(Reject(number, "too long for a rule", clip(line)))
            return
        bare = line.strip()
        if " # handle " in bare:
            bare = _HANDLE.sub("", bare)
        if self.in_elements:
            self.elements(number, bare, line)
        elif found := _TABLE.match(bare):
            self.table, self.declared = (found[1], found[2]), None
        elif found := _OBJECT.match(bare):
            self.open(number, line, found[1], found[2])
            self.declared = None if found[3] else self.declared
        elif not bare or bare.startswith("#") or not (self.table or self.declared):
            return
        elif bare == "}":
            self.table, self.declared = (self.table if self.declared else None), None
        elif self.declared is None:
            if not _OTHER_OBJECT.match(bare) and not bare.startswith("comment"):
                self.rejects.append(Reject(number, "not a table, chain, set, map or rule of nft", clip(line)))
        else:
            self.within(number, line, bare)

    def open(self, number: int, line: str, kind: str, name: str) -> None:
        self.place = 0
        chain = name if kind == "chain" else f"@{name}"
        self.declared = self.keep(number, line, chain, target="-", spec="" if kind == "chain" else kind)

    def within(self, number: int, line: str, bare: str) -> None:
        """A line inside a chain, set or map."""
        is_set = str(self.declared["chain"]).startswith("@") if self.declared else False
        if is_set and bare.startswith("elements = {"):
            self.in_elements = True
            self.elements(number, bare.removeprefix("elements = {"), line)
        elif _DECLARES.match(bare) and (is_set or not bare.startswith("counter")):
            self.declare(bare)
        elif not is_set and self.declared:
            self.keep(number, line, str(self.declared["chain"]), **rule_columns(bare))
        else:
            self.rejects.append(Reject(number, "not a line of an nft set or map", clip(line)))

    def declare(self, bare: str) -> None:
        """What a chain, set or map says of itself."""
        if self.declared is None:
            return
        if bare.startswith("comment"):
            self.declared["comment"] = bare.removeprefix("comment").strip(' "')
            return
        self.declared["spec"] = f"{self.declared['spec']} {bare}".strip()
        if policy := re.search(r"policy (\w+);", bare):
            self.declared["target"] = policy[1]

    def elements(self, number: int, bare: str, line: str) -> None:
        """Elements, separated by commas, over one line or many; each stands on the line it starts on."""
        ended = bare.endswith("}")
        for part in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", bare.removesuffix("}")):
            if text := part.strip():
                columns = rule_columns(text)
                self.keep(number, line, str(self.declared["chain"]) if self.declared else "@", **columns)
        self.in_elements = not ended

    def keep(self, number: int, line: str, chain: str, **columns: object) -> Row:
        family, table = self.table or ("ip", "unknown")
        row: Row = {"family": family, "table_name": table, "chain": chain, "rule_number": self.place}
        row |= {"line_number": number, "text": line, **columns}
        self.place += 1
        self.rows.append(row)
        return row


class NftList:
    """What `nft list` prints."""

    name = "nft-list"
    kind: Kind = "rules"
    sign = "blocks of tables and chains"

    def recognise(self, head: str) -> int:
        """Sure where a table opens."""
        if re.search(r"^\s*table (ip|ip6|inet|bridge|arp|netdev) \S+ \{", head, re.MULTILINE):
            return 95
        return 70 if re.search(r"^\s*(chain|map|set) \S+ \{( # handle \d+)?\s*$", head, re.MULTILINE) else 0

    def parse(self, source: Source) -> Parsed:
        """One row a rule or an element, and one with rule_number 0 a chain, set or map."""
        reader = _Reader()
        for number, line in source.lines():
            reader.line(number, line)
        is_cut = reader.in_elements or reader.declared is not None or reader.table is not None
        return finished(reader.rows, reader.rejects, is_cut=is_cut)


FORMAT = NftList()
