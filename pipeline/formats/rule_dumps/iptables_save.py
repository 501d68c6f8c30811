"""`iptables-save` and `iptables -S`, with and without counters, whole or cut out; several tables in one file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import LONGEST_RULE, Parsed, Reject, clip
from pipeline.formats.rule_dumps.incomplete import marked
from pipeline.formats.rule_dumps.iptables_common import WARNING_MARKS, Section, command_section, made_us, rule_findings
from pipeline.formats.rule_dumps.iptables_save_fast import plain_chains, plain_rules
from pipeline.formats.rule_dumps.iptables_save_rows import (
    Line,
    appended,
    in_sections,
    lines_frame,
    note,
    placed,
    with_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source

_LEAD = r"^[\s>#+$|]*"
_TABLE = _LEAD + r"\*(raw|mangle|nat|filter|security)\s*$"
_COMMIT = _LEAD + r"COMMIT\s*$"
_DECLARED = re.compile(_LEAD + r":(\S+)\s+(\S+)(?:\s+\[(\d+):(\d+)\])?\s*$")
_POLICY = re.compile(_LEAD + r"-(?:P (?P<base>\S+) (?P<policy>\S+)|N (?P<new>\S+)\s*$)")
_TOOL = r"(?:sudo\s+)?(?:/\S*/)?ip6?tables(?:-legacy|-nft)?\s+(?:-w\s+(?:\d+\s+)?)?"
_RULE = re.compile(
    _LEAD + rf"(?:\[(?P<packets>\d+):(?P<bytes>\d+)\]\s*)?(?:{_TOOL})?(?:(?:-t|--table)\s+(?P<table>\w+)\s+)?"
    r"(?:-A|--append|-I|--insert)\s+(?P<chain>[^\s$*<>{}…]+)(?:\s+(?P<spec>.*?))?\s*$"
)
_RULE_LIKE = re.compile(
    r"^[\s<>#+$|]*(\[\d+:\d+\]|(-t \w+ )?-[AINPmjdsp] |-A|:[\w-]+ |--[a-z]+ )|tables .*-[AI] |\\n-A "
)
_LONG = 100_000


class IptablesSave:
    """`iptables-save [-c]`, `iptables -S [-v]`, or rows cut out of either."""

    name = "iptables-save"
    kind: Kind = "rules"
    sign = "lines with *table or -A"

    def recognise(self, head: str) -> int:
        """Sure where a table opens; nearly so where a line appends a rule."""
        if re.search(_TABLE, head, re.MULTILINE) and re.search(_LEAD + r"(:\S+ \S+|.*-A )", head, re.MULTILINE):
            return 95
        if not any(f"{option} " in head for option in ("-A", "-P", "-N")):
            return 0
        appended = re.search(_LEAD + r"(\[\d+:\d+\]\s*)?(\S.*?)?(-A|-P|-N) [A-Za-z][\w-]*(\s|$)", head, re.MULTILINE)
        return 75 if appended else 0

    def parse(self, source: Source) -> Parsed:
        """One row a rule, and one with rule_number 0 a chain."""
        reader = _Reader()
        for numbers, lines in _unwrapped(source):
            reader.take(numbers, lines)
        rows = placed(reader.pieces, reader.sections)
        is_cut = reader.in_table or bool(
            source.unterminated_line and reader.last_line.strip() and not reader.has_tables
        )
        rows = marked(rows, is_cut=is_cut, rejects=reader.rejects)
        tables = {"rules": rows} if len(rows) else {}
        findings = rule_findings(rows, reader.marks)
        return Parsed(tables, reader.rejects, findings, len(rows) + len(reader.rejects), made_us(source.head()))


def _unwrapped(source: Source) -> Iterator[tuple[Sequence[int], Sequence[str]]]:
    """Lines, a piece at a time, each with its number in the file.

    Those that a backslash continues are made one, those that only a carriage return parts several.
    """
    start, held = 0, ""
    for first, text in source.text_blocks():
        lines = text.split("\n")
        if not held and "\r" not in text and "\\\n" not in f"{text}\n":
            yield range(first, first + len(lines)), lines
            continue
        whole = list[tuple[int, str]]()
        for number, line in enumerate(lines, first):
            if line.endswith("\\") and len(held) < _LONG:
                start, held = start or number, held + line[:-1]
            else:
                whole += [(start or number, part) for part in (held + line).split("\r")]
                start, held = 0, ""
        yield [n for n, _ in whole], [line for _, line in whole]
    if held:
        yield [start], [held]


@dataclass(slots=True)
class _Reader:
    """Reads a dump a piece at a time: plain lines by the column, all others one by one, in their order.

    A line's place is its number among all lines read; `starts` are the places at which the sections begin. `in_table`
    says that a table has begun and not ended.
    """

    sections: list[Section] = field(default_factory=lambda: [Section()])
    starts: list[int] = field(default_factory=lambda: [0])
    rejects: list[Reject] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    pieces: list[pl.DataFrame] = field(default_factory=lambda: [in_sections(with_words(lines_frame([])), [0])])
    told: list[Line] = field(default_factory=list)
    lines_read: int = 0
    last_rule: int = -1
    last_policy: int = -1
    last_line: str = ""
    has_tables: bool = False
    in_table: bool = False

    def take(self, numbers: Sequence[int], lines: Sequence[str]) -> None:
        """Read a piece."""
        import polars as pl

        columns = [pl.Series("line_number", numbers, dtype=pl.Int64), pl.Series("text", lines, dtype=pl.String)]
        whole = pl.DataFrame(columns).with_row_index("place", self.lines_read)
        self.lines_read += len(whole)
        self.last_line = lines[-1] if lines else self.last_line
        long = pl.col("text").str.len_bytes() > LONGEST_RULE
        cut = whole.filter(long).select("line_number", "text").iter_rows()
        self.rejects += [Reject(number, "too long for a rule", clip(line)) for number, line in cut]
        whole = whole.filter(~long)
        self.marks |= {mark for mark in WARNING_MARKS if columns[1].str.contains(mark, literal=True).any()}
        rules, rest = plain_rules(whole)
        chains, rest = plain_chains(rest)
        others, rest = appended(rest)
        places = pl.concat([rules["place"], others["place"]])
        new = chains.filter(pl.col("text").str.starts_with("-N"))["place"]
        for place, number, line in rest.iter_rows():
            if line.strip():
                self.odd(place, number, line, places, new)
        self.last_rule = max(self.last_rule, _last(places))
        self.last_policy = max(self.last_policy, _last(new))
        told = with_words(pl.concat([others, lines_frame(self.told)]))
        self.pieces.append(in_sections(pl.concat([rules, chains, told]), self.starts))
        note(self.pieces[-1], self.sections)
        self.told = []

    def odd(self, place: int, number: int, line: str, rules: pl.Series, new: pl.Series) -> None:
        """Anything but a plain line of a dump; `rules` and `new` are the places of rules and `-N` lines around it."""
        if found := re.match(_TABLE, line):
            self.open(place, Section(found[1], self.sections[-1].family))
            self.has_tables = self.in_table = True
        elif re.match(_COMMIT, line):
            self.in_table = False
        elif found := _DECLARED.match(line):
            chain, policy, packets, octets = found.groups()
            self.told.append(Line(place, number, line, chain, f":{chain} {policy}", policy, packets, octets))
        elif found := _POLICY.match(line):
            self.policy(place, number, line, found, _last(rules.filter(rules < place)), _last(new.filter(new < place)))
        elif found := _RULE.match(line):
            self.told_rule(place, number, line, found)
        elif "Generated by ip" in line:
            self.open(place, Section(family="ip6" if "ip6tables" in line else "ip"))
        elif section := command_section(line):
            if "-save" in line:
                section.family = "ip6" if "ip6tables" in line else None
            self.open(place, section)
        elif _RULE_LIKE.search(line):
            self.rejects.append(Reject(number, "not a rule in iptables-save's grammar", clip(line)))

    def open(self, place: int, section: Section) -> None:
        """Begin a section."""
        self.sections.append(section)
        self.starts.append(place)

    def policy(self, place: int, number: int, line: str, found: re.Match[str], rule: int, new: int) -> None:
        """`-P CHAIN POLICY` and `-N CHAIN`; the policies stand first, so rules before them are another table's."""
        if found["base"] and max(self.last_rule, rule) > max(self.last_policy, new):
            self.open(place, Section(family=self.sections[-1].family))
        self.last_policy = place
        chain, policy = found["base"] or found["new"], found["policy"] or "-"
        self.told.append(Line(place, number, line, chain, f":{chain} {policy}", policy))

    def told_rule(self, place: int, number: int, line: str, found: re.Match[str]) -> None:
        """A rule that may bring its own table: `iptables -t nat -A ...`."""
        if found["table"] and found["table"] != self.sections[-1].table:
            self.open(place, Section(found["table"], self.sections[-1].family))
        self.last_rule = place
        line_ = Line(place, number, line, found["chain"], found["spec"] or "", None, found["packets"], found["bytes"])
        self.told.append(line_)


def _last(places: pl.Series) -> int:
    return int(str(places.max())) if len(places) else -1


FORMAT = IptablesSave()
