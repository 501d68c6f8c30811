"""The two roads into `packets`: DuckDB reads a clean export itself; Python reads any other, line by line.

Lines that the fast road cannot read take the careful one. Both end in sql/packets.sql.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, cast

import duckdb

from pipeline import resources
from pipeline.engines.delimited import DelimitedFile, prepared_rows
from pipeline.engines.duckdb import create_view, literal, write_parquet
from pipeline.formats.base import Finding, Format, Reject, clip
from pipeline.formats.source import look_over
from pipeline.formats.tshark_cells import is_address
from pipeline.formats.tshark_fields import FORMAT as FIELDS
from pipeline.formats.tshark_fields import TsharkFields
from pipeline.formats.tshark_layout import header
from pipeline.formats.tshark_names import TYPES, doubt
from pipeline.formats.tshark_pcap import TsharkPcap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.engines.duckdb import Connection
    from pipeline.formats.base import Source
    from pipeline.formats.tshark_cells import Line
    from pipeline.formats.tshark_layout import Layout

_UNIT = "\x1f"
_PLAIN = str.maketrans({"\n": " ", "\r": " ", "\x00": "\ufffd", _UNIT: "\ufffd"})


class PacketForm(Format, Protocol):
    """A form whose packets Python reads."""

    def lines(self, source: Source) -> Iterator[Line]:
        """A row, a reject or a finding for each line that is none of the noise around packets."""
        ...


@dataclass(slots=True)
class Tally:
    """What a road made of a file."""

    read_count: int = 0
    kept_count: int = 0
    rejected_count: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PacketFile:
    """One export on its way into `folder`, its rejects into `rejects`; `spare` holds what is needed on the way."""

    con: Connection
    source: Source
    capture_id: str
    folder: Path
    rejects: Path
    spare: Path

    def read(self, form: Format, fields: Sequence[str]) -> Tally:
        """Read it by the road that its form allows."""
        if isinstance(form, TsharkFields):
            return self._fields(form, form.layout(self.source.head(), fields))
        if isinstance(form, TsharkPcap):
            export, layout, findings = form.export(self.source, self.spare)
            tally = replace(self, source=export)._fields(FIELDS, layout)
            tally.findings += findings
            return tally
        return self._careful(cast("PacketForm", form).lines(self.source))

    def out(self, part: str = "") -> Path:
        """Where its packets go."""
        return self.folder / f"{self.capture_id}{part}.parquet"

    def _fields(self, form: TsharkFields, layout: Layout) -> Tally:
        if layout.fast:
            survey = look_over(self.source, self.spare)
            file = DelimitedFile(self.con, survey, layout, self.capture_id, TYPES)
            try:
                kept = file.copy(_select(), doubt(layout.fields), self.out())
                kept -= file.leave_out(self.out(), ("src_ip", "dst_ip"), is_address)
                if not any(_other_header(text, layout) for _, text in file.rejected_lines()):
                    return self._second_look(form, file, kept)
            except duckdb.InvalidInputException:
                pass  # e.g. two kinds of line ends in one file
            finally:
                file.forget()
        return self._careful(form.lines(self.source.lines(), layout, self.source.time_zero))

    def _second_look(self, form: TsharkFields, file: DelimitedFile, kept: int) -> Tally:
        """Read what the fast road left, by the careful one."""
        survey, layout = file.survey, file.layout
        rows = survey.line_count - layout.header_lines - len(file.blank_lines)
        left = _Counted(_left(file, self.source, self.out(), rows - kept))
        tally = self._careful(form.lines(left, layout), "-more")
        noise = left.count - tally.read_count
        return Tally(rows - noise, kept + tally.kept_count, tally.rejected_count, tally.findings)

    def _careful(self, lines: Iterable[Line], part: str = "") -> Tally:
        """Write rows and rejects of `lines`, which are read one by one."""
        tally = Tally()
        rows, rejects = self.spare / f"rows{part}", self.spare / f"rejects{part}"
        with rows.open("w", newline="") as f, rejects.open("w", newline="") as g:
            cells, bad = (csv.writer(h, delimiter=_UNIT, quoting=csv.QUOTE_NONE, quotechar=None) for h in (f, g))
            for line in lines:
                if isinstance(line, Finding):
                    tally.findings.append(line)
                    continue
                tally.read_count += 1
                if isinstance(line, Reject):
                    tally.rejected_count += 1
                    bad.writerow([line.line_number, line.reason.translate(_PLAIN), clip(line.text).translate(_PLAIN)])
                else:
                    cells.writerow([line[0], *map(line[1].get, TYPES)])
        if tally.rejected_count < tally.read_count or not part:
            create_view(self.con, "export_lines", prepared_rows(rows, _UNIT, self.capture_id, TYPES))
            tally.kept_count = write_parquet(self.con, _select(), self.out(part))
        if tally.rejected_count:
            name = f"{self.capture_id}{part}.parquet"
            write_parquet(self.con, self._reject_rows(rejects), self.rejects / name)
        return tally

    def _reject_rows(self, path: Path) -> str:
        return f"""SELECT {literal(self.capture_id)} AS capture_id, {literal(self.source.name)} AS file, *
        FROM read_csv({literal(str(path))}, delim = {literal(_UNIT)}, quote = '', escape = '', header = false,
          auto_detect = false, columns = {{'line_number': 'BIGINT', 'reason': 'VARCHAR', 'text': 'VARCHAR'}})"""


@dataclass(slots=True)
class _Counted:
    """Lines, counted as they pass."""

    lines: Iterable[tuple[int, str]]
    count: int = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        for line in self.lines:
            self.count += 1
            yield line


def _left(file: DelimitedFile, source: Source, out: Path, missing: int) -> Iterator[tuple[int, str]]:
    """The lines that did not become rows: rejected by DuckDB, left out as doubtful, or cut off."""
    rejected = 0
    for line in file.rejected_lines():
        rejected += 1
        yield line
    if file.survey.cut:
        rejected += 1
        yield file.survey.cut
    if missing > rejected:
        wanted = file.doubtful_lines(out)
        yield from (line for line in source.lines() if line[0] in wanted)


def _other_header(text: str, layout: Layout) -> bool:
    """Whether a line names other columns than those the file began with."""
    named = header(text)
    return named is not None and named.fields != layout.fields


def _select() -> str:
    return (resources.folder("sql") / "packets.sql").read_text(encoding="utf-8")
