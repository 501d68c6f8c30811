"""`iptables-save` and `iptables -S`, with and without counters, whole or an excerpt; several tables in one file.

Most lines are read many at once (`iptables_save_vectorised`, `iptables_save_columns`), all others one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import LONGEST_RULE, Parsed, Reject, clip
from pipeline.formats.rule_dumps.dump_findings import LEGACY_WARNING, iptables_findings
from pipeline.formats.rule_dumps.incomplete_dump import mark_incomplete
from pipeline.formats.rule_dumps.iptables_save_columns import Line, lines_frame, parse_columns, split_appended
from pipeline.formats.rule_dumps.iptables_save_vectorised import split_chains, split_rules
from pipeline.formats.rule_dumps.iptables_sections import Section, command_section, generated_us
from pipeline.formats.rule_dumps.rule_numbers import add_to_sections, assign_sections, number_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source

_PREFIX = r"^[\s>#+$|]*"  # prompts, quoted mail, diffs
_TABLE = _PREFIX + r"\*(raw|mangle|nat|filter|security)\s*$"
_COMMIT = _PREFIX + r"COMMIT\s*$"
_CHAIN = re.compile(_PREFIX + r":(\S+)\s+(\S+)(?:\s+\[(\d+):(\d+)\])?\s*$")
_POLICY = re.compile(_PREFIX + r"-(?:P (?P<base>\S+) (?P<policy>\S+)|N (?P<new>\S+)\s*$)")
_TOOL = r"(?:sudo\s+)?(?:/\S*/)?ip6?tables(?:-legacy|-nft)?\s+(?:-w\s+(?:\d+\s+)?)?"
_RULE = re.compile(
    _PREFIX + rf"(?:\[(?P<packets>\d+):(?P<bytes>\d+)\]\s*)?(?:{_TOOL})?(?:(?:-t|--table)\s+(?P<table>\w+)\s+)?"
    r"(?:-A|--append|-I|--insert)\s+(?P<chain>[^\s$*<>{}…]+)(?:\s+(?P<spec>.*?))?\s*$"
)
_RULE_LIKE = re.compile(
    r"^[\s<>#+$|]*(\[\d+:\d+\]|(-t \w+ )?-[AINPmjdsp] |-A|:[\w-]+ |--[a-z]+ )|tables .*-[AI] |\\n-A "
)
_MOST_CONTINUED = 100_000


class IptablesSave:
    """`iptables-save [-c]`, `iptables -S [-v]`, or lines of either."""

    name = "iptables-save"
    kind: Kind = "rules"
    sign = "lines with *table or -A"

    def recognise(self, head: str) -> int:
        """Return a high score for a `*table` line with chains or rules, a lower one for a line that appends a rule."""
        has_table = re.search(_TABLE, head, re.MULTILINE)
        if has_table and re.search(_PREFIX + r"(:\S+ \S+|.*-A )", head, re.MULTILINE):
            return 95
        if not any(f"{option} " in head for option in ("-A", "-P", "-N")):
            return 0
        option = _PREFIX + r"(\[\d+:\d+\]\s*)?(\S.*?)?(-A|-P|-N) [A-Za-z][\w-]*(\s|$)"
        return 75 if re.search(option, head, re.MULTILINE) else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per rule, and one with rule_number 0 per chain."""
        reader = _Reader()
        for numbers, lines in _logical_lines(source):
            reader.read_block(numbers, lines)
        is_line_cut = source.unterminated_line and reader.last_line.strip() and not reader.has_tables
        rows = number_rules(reader.blocks, reader.sections)
        rows = mark_incomplete(rows, is_cut=reader.in_table or bool(is_line_cut), rejects=reader.rejects)
        tables = {"rules": rows} if len(rows) else {}
        findings = iptables_findings(rows, has_legacy_warning=reader.has_legacy_warning)
        return Parsed(tables, reader.rejects, findings, len(rows) + len(reader.rejects), generated_us(source.head()))


def _logical_lines(source: Source) -> Iterator[tuple[Sequence[int], Sequence[str]]]:
    """Yield blocks of lines with their numbers in the file.

    Lines that a backslash continues become one line. A line with carriage returns inside becomes several.
    """
    start, continued = 0, ""
    for first, text in source.text_blocks():
        lines = text.split("\n")
        if not continued and "\r" not in text and "\\\n" not in f"{text}\n":
            yield range(first, first + len(lines)), lines
            continue
        logical = list[tuple[int, str]]()
        for number, line in enumerate(lines, first):
            if line.endswith("\\") and len(continued) < _MOST_CONTINUED:
                start, continued = start or number, continued + line[:-1]
            else:
                logical += [(start or number, part) for part in (continued + line).split("\r")]
                start, continued = 0, ""
        yield [n for n, _ in logical], [line for _, line in logical]
    if continued:
        yield [start], [continued]


@dataclass(slots=True)
class _Reader:
    """Reads a dump block by block.

    `position` counts all lines that were read; `starts` are the positions at which the sections start.
    `in_table` is whether a `*table` line has no COMMIT yet.
    `block_lines` are the lines of the current block that were read one by one.
    """

    sections: list[Section] = field(default_factory=lambda: [Section()])
    starts: list[int] = field(default_factory=lambda: [0])
    rejects: list[Reject] = field(default_factory=list)
    blocks: list[pl.DataFrame] = field(default_factory=lambda: [assign_sections(parse_columns(lines_frame([])), [0])])
    block_lines: list[Line] = field(default_factory=list)
    position: int = 0
    last_rule: int = -1
    last_policy: int = -1
    last_line: str = ""
    has_tables: bool = False
    has_legacy_warning: bool = False
    in_table: bool = False

    def read_block(self, numbers: Sequence[int], lines: Sequence[str]) -> None:
        """Add the rows of a block of lines."""
        import polars as pl

        block = self.reject_long(self.block_frame(numbers, lines))
        rules, unread = split_rules(block)
        chains, unread = split_chains(unread)
        appended, unread = split_appended(unread)
        rule_positions = pl.concat([rules["position"], appended["position"]])
        new_positions = chains.filter(pl.col("text").str.starts_with("-N"))["position"]
        for position, number, line in unread.iter_rows():
            if line.strip():
                self.read_line(position, number, line, rule_positions, new_positions)
        self.last_rule = max(self.last_rule, _last(rule_positions))
        self.last_policy = max(self.last_policy, _last(new_positions))
        parsed = parse_columns(pl.concat([appended, lines_frame(self.block_lines)]))
        self.block_lines = []
        self.blocks.append(assign_sections(pl.concat([rules, chains, parsed]), self.starts))
        add_to_sections(self.blocks[-1], self.sections)

    def block_frame(self, numbers: Sequence[int], lines: Sequence[str]) -> pl.DataFrame:
        """Return columns position, line_number and text."""
        import polars as pl

        columns = {"line_number": pl.Series(numbers, dtype=pl.Int64), "text": pl.Series(lines, dtype=pl.String)}
        block = pl.DataFrame(columns).with_row_index("position", self.position)
        self.position += len(block)
        self.last_line = lines[-1] if lines else self.last_line
        self.has_legacy_warning |= block["text"].str.contains(LEGACY_WARNING, literal=True).any()
        return block

    def reject_long(self, block: pl.DataFrame) -> pl.DataFrame:
        """Reject lines that are longer than any rule, and return the others."""
        import polars as pl

        is_long = pl.col("text").str.len_bytes() > LONGEST_RULE
        long_lines = block.filter(is_long).select("line_number", "text").iter_rows()
        self.rejects += [Reject(number, "too long for a rule", clip(line)) for number, line in long_lines]
        return block.filter(~is_long)

    def read_line(self, position: int, number: int, line: str, rules: pl.Series, new: pl.Series) -> None:
        """Read a line that is in no vectorised form; `rules` and `new` are positions of rules and `-N` in its block."""
        if match := re.match(_TABLE, line):
            self.open_section(position, Section(match[1], self.sections[-1].family))
            self.has_tables = self.in_table = True
        elif re.match(_COMMIT, line):
            self.in_table = False
        elif match := _CHAIN.match(line):
            chain, policy, packets, octets = match.groups()
            self.block_lines.append(Line(position, number, line, chain, f":{chain} {policy}", policy, packets, octets))
        elif match := _POLICY.match(line):
            before = (_last(positions.filter(positions < position)) for positions in (rules, new))
            self.add_policy(position, number, line, match, *before)
        elif match := _RULE.match(line):
            self.add_rule(position, number, line, match)
        elif "Generated by ip" in line:
            self.open_section(position, Section(family="ip6" if "ip6tables" in line else "ip"))
        elif section := command_section(line):
            if "-save" in line:
                section.family = "ip6" if "ip6tables" in line else None
            self.open_section(position, section)
        elif _RULE_LIKE.search(line):
            self.rejects.append(Reject(number, "not a rule in iptables-save's grammar", clip(line)))

    def open_section(self, position: int, section: Section) -> None:
        self.sections.append(section)
        self.starts.append(position)

    def add_policy(
        self, position: int, number: int, line: str, match: re.Match[str], last_rule: int, last_new: int
    ) -> None:
        """Add `-P CHAIN POLICY` or `-N CHAIN`. Policies are printed first, so after rules they begin another table."""
        if match["base"] and max(self.last_rule, last_rule) > max(self.last_policy, last_new):
            self.open_section(position, Section(family=self.sections[-1].family))
        self.last_policy = position
        chain, policy = match["base"] or match["new"], match["policy"] or "-"
        self.block_lines.append(Line(position, number, line, chain, f":{chain} {policy}", policy))

    def add_rule(self, position: int, number: int, line: str, match: re.Match[str]) -> None:
        """Add a rule; it may name its own table, as in `iptables -t nat -A ...`."""
        if match["table"] and match["table"] != self.sections[-1].table:
            self.open_section(position, Section(match["table"], self.sections[-1].family))
        self.last_rule = position
        counters = match["packets"], match["bytes"]
        self.block_lines.append(Line(position, number, line, match["chain"], match["spec"] or "", None, *counters))


def _last(positions: pl.Series) -> int:
    return int(str(positions.max())) if len(positions) else -1


FORMAT = IptablesSave()
