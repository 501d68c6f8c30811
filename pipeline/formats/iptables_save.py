"""`iptables-save` and `iptables -S`, with and without counters, whole or cut out; several tables in one file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.rules_common import WARNING_MARKS, Section, command_section, made_us, rule_findings
from pipeline.formats.save_words import Words, save_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from pipeline.formats.base import Kind, Source

_LEAD = r"^[\s>#+$|]*"
_TABLE = _LEAD + r"\*(raw|mangle|nat|filter|security)\s*$"
_DECLARED = re.compile(_LEAD + r":(\S+)\s+(\S+)(?:\s+\[(\d+):(\d+)\])?\s*$")
_POLICY = re.compile(_LEAD + r"-(?:P (?P<base>\S+) (?P<policy>\S+)|N (?P<new>\S+)\s*$)")
_TOOL = r"(?:sudo\s+)?(?:/\S*/)?ip6?tables(?:-legacy|-nft)?\s+(?:-w\s+(?:\d+\s+)?)?"
_RULE = re.compile(
    _LEAD + rf"(?:\[(?P<packets>\d+):(?P<bytes>\d+)\]\s*)?(?:{_TOOL})?(?:(?:-t|--table)\s+(?P<table>\w+)\s+)?"
    r"(?:-A|--append|-I|--insert)\s+(?P<chain>[^\s{}]+)(?:\s+(?P<spec>.*?))?\s*$"
)
_COUNTED = re.compile(r"\[(\d+):(\d+)\] -A (\S+) ?(.*)$")
_RULE_LIKE = re.compile(r"^[\s<>#+$|]*(\[\d+:\d+\]|(-t \w+ )?-[AINPmjdsp] |-A|:[\w-]+ )|tables .*-[AI] ")
_LONG = 100_000
_WHERE = ("family", "table_name", "chain")
_INNER_COUNT = re.compile(r"(?:^|\s)-c (\d+) (\d+)(?=\s|$)")
_CHUNK = 50_000
_BIGGEST = 2**63 - 1


class IptablesSave:
    """`iptables-save [-c]`, `iptables -S [-v]`, or rows cut out of either."""

    name = "iptables-save"
    kind: Kind = "rules"
    sign = "lines with *table or -A"

    def recognise(self, head: str) -> int:
        """Sure where a table opens; nearly so where a line appends a rule."""
        if re.search(_TABLE, head, re.MULTILINE) and re.search(_LEAD + r"(:\S+ \S+|.*-A )", head, re.MULTILINE):
            return 95
        appended = re.search(_LEAD + r"(\[\d+:\d+\]\s*)?(\S.*?)?(-A|-P|-N) [A-Za-z][\w-]*(\s|$)", head, re.MULTILINE)
        return 75 if appended else 0

    def parse(self, source: Source) -> Parsed:
        """One row a rule, and one with rule_number 0 a chain."""
        reader = _Reader()
        for number, line in _unwrapped(source):
            reader.line(number, line)
        rows = reader.frame()
        tables = {"rules": rows} if len(rows) else {}
        findings = rule_findings(rows, reader.marks)
        return Parsed(tables, reader.rejects, findings, len(rows) + len(reader.rejects), made_us(source.head()))


def _unwrapped(source: Source) -> Iterator[tuple[int, str]]:
    """Lines, those that a backslash continues made one, those that only a carriage return parts made several."""
    start, held = 0, ""
    for number, line in source.lines():
        if line.endswith("\\") and len(held) < _LONG:
            start, held = start or number, held + line[:-1]
        elif held or "\r" in line:
            yield from ((start or number, part) for part in (held + line).split("\r"))
            start, held = 0, ""
        else:
            yield number, line
    if held:
        yield start, held


class _Kept(NamedTuple):
    """One line that is a rule or declares a chain."""

    line_number: int
    text: str
    section: int
    chain: str
    spec: str
    is_rule: bool = True
    packets: str | None = None
    bytes: str | None = None


@dataclass(slots=True)
class _Reader:
    """What was read; columns are made in pieces, so that a large dump is never held twice."""

    sections: list[Section] = field(default_factory=lambda: [Section()])
    v6: set[int] = field(default_factory=set)
    rejects: list[Reject] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    kept: list[_Kept] = field(default_factory=list)
    places: list[tuple[tuple[int, str], bool]] = field(default_factory=list)
    pieces: list[pl.DataFrame] = field(default_factory=list)
    after_rule: bool = False

    def line(self, number: int, line: str) -> None:
        section = len(self.sections) - 1
        if line.startswith("-A "):
            chain, _, spec = line[3:].partition(" ")
            self.kept.append(_Kept(number, line, section, chain, spec))
            self.after_rule = True
        elif line.startswith("[") and (found := _COUNTED.match(line)):
            self.kept.append(_Kept(number, line, section, found[3], found[4], True, found[1], found[2]))
        elif line.startswith(":") and (found := _DECLARED.match(line)):
            self.declare(number, line, found[1], found[2], found[3], found[4])
        elif line.strip():
            self.odd(number, line)
        if len(self.kept) >= _CHUNK:
            self.cut()

    def declare(
        self, number: int, line: str, chain: str, policy: str, packets: str | None = None, octets: str | None = None
    ) -> None:
        """`:CHAIN POLICY [p:b]`, `-P CHAIN POLICY`, `-N CHAIN`."""
        section = len(self.sections) - 1
        self.kept.append(_Kept(number, line, section, chain, f":{chain} {policy}", False, packets, octets))

    def odd(self, number: int, line: str) -> None:
        """Anything but a plain line of a dump."""
        self.marks |= {mark for mark in WARNING_MARKS if mark in line}
        if found := re.match(_TABLE, line):
            self.sections.append(Section(found[1], self.sections[-1].family))
        elif found := _DECLARED.match(line):
            self.declare(number, line, found[1], found[2], found[3], found[4])
        elif found := _POLICY.match(line):
            if self.after_rule and found["base"]:
                self.sections.append(Section(family=self.sections[-1].family))
            self.declare(number, line, found["base"] or found["new"], found["policy"] or "-")
            self.after_rule = False
        elif found := _RULE.match(line):
            self.told_rule(number, line, found)
        elif "Generated by ip" in line:
            self.sections.append(Section(family="ip6" if "ip6tables" in line else "ip"))
        elif section := command_section(line):
            if "-save" in line:
                section.family = "ip6" if "ip6tables" in line else None
            self.sections.append(section)
        elif _RULE_LIKE.search(line):
            self.rejects.append(Reject(number, "not a rule in iptables-save's grammar", clip(line)))

    def told_rule(self, number: int, line: str, found: re.Match[str]) -> None:
        """A rule that may bring its own table: `iptables -t nat -A ...`."""
        if found["table"] and found["table"] != self.sections[-1].table:
            self.sections.append(Section(found["table"], self.sections[-1].family))
        section, spec = len(self.sections) - 1, found["spec"] or ""
        self.kept.append(_Kept(number, line, section, found["chain"], spec, True, found["packets"], found["bytes"]))
        self.after_rule = True

    def cut(self) -> None:
        """Put what was read so far into columns."""
        import polars as pl

        words = [save_words(k.spec) if k.is_rule else Words(k.spec, k.spec.rpartition(" ")[2]) for k in self.kept]
        self._note(words)
        columns = dict(zip(Words._fields, zip(*words, strict=True), strict=True)) | {
            "text": [k.text for k in self.kept]
        }
        series = [pl.Series(name, values, dtype=pl.String) for name, values in columns.items()]
        counts = [_counted(k) for k in self.kept]
        series += [pl.Series("packet_count", [c[0] for c in counts], dtype=pl.Int64)]
        series += [pl.Series("byte_count", [c[1] for c in counts], dtype=pl.Int64)]
        series += [pl.Series("line_number", [k.line_number for k in self.kept], dtype=pl.Int64)]
        self.pieces.append(pl.DataFrame(series))
        self.places += [((k.section, intern(k.chain)), k.is_rule) for k in self.kept]
        self.kept = []

    def _note(self, words: list[Words]) -> None:
        """Tell sections what is in them: IPv6 addresses, and chains where no line names the table."""
        untold = {i for i, section in enumerate(self.sections) if not section.table}
        for kept, said in zip(self.kept, words, strict=True):
            if ":" in (said.source or said.destination or ""):
                self.v6.add(kept.section)
            if kept.section in untold:
                self.sections[kept.section].see(kept.chain, (said.target or "") if kept.is_rule else "")

    def frame(self) -> pl.DataFrame:
        """The rows, with table, family and place in the chain."""
        import polars as pl

        if self.kept:
            self.cut()
        told = {key: self._where(*key) for key in dict.fromkeys(key for key, _ in self.places)}
        counts: dict[tuple[str, str, str], int] = {}
        number = []
        for key, is_rule in self.places:
            where = told[key]
            counts[where] = place = counts.get(where, 0) + is_rule
            number.append(place if is_rule else 0)
        columns = {name: [told[key][i] for key, _ in self.places] for i, name in enumerate(_WHERE)}
        first = pl.DataFrame(columns, schema=dict.fromkeys(_WHERE, pl.String))
        first = first.with_columns(rule_number=pl.Series(number, dtype=pl.Int32))
        return pl.concat([first, pl.concat(self.pieces)], how="horizontal") if self.pieces else first

    def _where(self, section: int, chain: str) -> tuple[str, str, str]:
        told = self.sections[section]
        return "ip6" if section in self.v6 else told.family or "ip", told.table_of(chain), chain


def _counted(kept: _Kept) -> tuple[int | None, int | None]:
    """Packets and bytes: in front, or after `-c` in `iptables -S -v`."""
    if kept.packets and kept.bytes:
        return _counter(kept.packets), _counter(kept.bytes)
    found = _INNER_COUNT.search(kept.spec) if "-c " in kept.spec else None
    return (_counter(found[1]), _counter(found[2])) if found else (None, None)


def _counter(text: str) -> int:
    return min(int(text[:30]), _BIGGEST)


FORMAT = IptablesSave()
