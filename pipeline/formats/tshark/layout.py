"""The layout of a delimited export: the cell separator, the field of each column, and the line of the first row.

It is read from a header line, from names that the user gives, or from the content of the columns.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pipeline.formats.tshark.field_names import ALTERNATIVES, FIELD_TYPES, are_vectorisable
from pipeline.formats.tshark.other_lines import is_other_line, strip_escapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BLANKS = ""  # as a delimiter: one or more blanks
_DELIMITERS = ("\t", ";", "|", ",", " ")
_NAME = re.compile(r"^(_ws\.col\.)?[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*\.?$")
_KNOWN = {*FIELD_TYPES, *(f for fields in ALTERNATIVES.values() for f in fields), "_ws.col.Source", "_ws.col.Info"}
_PREFIXES = tuple({f"{name.partition('.')[0]}." for name in _KNOWN})
_PROTOCOLS = {"1", "2", "4", "6", "17", "41", "47", "50", "51", "58", "89", "103", "132"}
_AGGREGATOR = re.compile(r"[^0-9A-Fa-f.:]")
_EPOCH = re.compile(r"\d{9,10}\.\d{1,9}")


@dataclass(frozen=True)
class Layout:
    """How to read an export: cell separator, lines to skip, the field of each column, the quote character if any.

    `is_nested` means that most rows have several headers in them.
    """

    delimiter: str
    header_lines: int
    fields: tuple[str, ...]
    quote: str = ""
    is_nested: bool = False

    @property
    def is_vectorisable(self) -> bool:
        """Whether the vectorised reader can read it."""
        return bool(self.delimiter) and not self.is_nested and are_vectorisable(self.fields)

    @cached_property
    def _all_cells_quoted(self) -> re.Pattern[str]:
        q, d = re.escape(self.quote), re.escape(self.delimiter)
        cell = rf"(?:{q}[^{q}{d}]*{q})?"
        return re.compile(rf"{cell}(?:{d}{cell})*")

    @cached_property
    def _next_cell(self) -> re.Pattern[str]:
        q, d = re.escape(self.quote), re.escape(self.delimiter)
        return re.compile(rf"{q}(.*?){q}(?=$|{d}(?:{q}|{d}|$))|([^{q}{d}]*)(?=$|{d})")

    @cached_property
    def has_duplicate_names(self) -> bool:
        """Whether two columns have the same name."""
        return len(set(self.fields)) < len(self.fields)

    @cached_property
    def has_summary_columns(self) -> bool:
        """Whether there are tshark's own columns (`_ws.col.*`) among the fields."""
        return any(name.startswith("_ws.col.") for name in self.fields)

    def cells(self, line: str) -> list[str]:
        """Return the cells of a line; quotes inside a quoted cell are text, because tshark does not escape them."""
        if not self.delimiter:
            return line.split()
        cells = line.split(self.delimiter)
        if not self.quote or self.quote not in line:
            return cells
        if self._all_cells_quoted.fullmatch(line):
            return [c[1:-1] for c in cells]
        cells, position = [], 0
        while m := self._next_cell.match(line, position):
            cells.append(m[1] if m[1] is not None else m[2])
            if (position := m.end() + 1) > len(line):
                break
        return cells if position > len(line) else [line]

    def is_blank_row(self, line: str) -> bool:
        """Whether the line is a row of empty cells, such as that of an ARP packet."""
        return bool(line) and line.isspace() and len(self.cells(line)) == len(self.fields)


def read_layout(head: str, fields: Sequence[str] = ()) -> Layout | None:
    """Return the layout of an export that starts with `head`; None if there is none.

    `fields` names the columns of an export without a header line.
    """
    lines = [strip_escapes(line) for line in head.split("\n")]
    lines = [line.rstrip("\r") for line in (lines[:-1] if len(lines) > 1 else lines)]
    start = next((n for n, line in enumerate(lines) if not is_other_line(line)), None)
    if start is None:
        return None
    headers = ((n, h) for n, line in enumerate(lines[start : start + 50], start) if (h := parse_header(line)))
    number, header = next(headers, (start - 1, None))
    rows = [line for line in lines[number + 1 :] if not is_other_line(line)][:500]
    if header:
        layout: Layout | None = replace(header, header_lines=number + 1, quote=header.quote or _row_quote(header, rows))
    else:
        layout = _fit_fields(rows, tuple(fields), start) if fields else _infer_layout(rows, start)
    return replace(layout, is_nested=_is_nested(layout, rows)) if layout else None


def _is_nested(layout: Layout, rows: Sequence[str]) -> bool:
    """Whether most rows have several addresses in a cell."""
    sources = [n for n, name in enumerate(layout.fields) if name in ("ip.src", "ipv6.src")]
    cells = (layout.cells(row) for row in rows)
    nested_count = sum(any(_AGGREGATOR.search(c[n]) for n in sources) for c in cells if len(c) == len(layout.fields))
    return 2 * nested_count > len(rows)


def parse_header(line: str) -> Layout | None:
    """Return the layout that a header line describes; None if the line is no header."""
    if not line.lstrip("\ufeff\"'_ \t")[:1].isalpha() or not any(prefix in line for prefix in _PREFIXES):
        return None
    for delimiter in (*_DELIMITERS, BLANKS):
        cells = tuple(line.rstrip("\r").removeprefix("\ufeff").split(delimiter or None))
        quote = next((q for q in "\"'" if cells and all(c[:1] == c[-1:] == q for c in cells)), "")
        names = tuple(cell.strip(quote) for cell in cells) if quote else cells
        if names and all(_NAME.match(n) for n in names) and any(n in _KNOWN for n in names):
            return Layout(delimiter, 1, names, quote)
    return None


def _row_quote(layout: Layout, rows: Sequence[str]) -> str:
    """Return the quote character of most cells in the rows; a header without quotes may have quoted rows."""
    cells = [c for row in rows[:100] for c in row.split(layout.delimiter or None) if c]
    return next((q for q in "\"'" if 2 * sum(c[0] == q for c in cells) > len(cells)), "")


def _fit_fields(rows: Sequence[str], fields: tuple[str, ...], start: int) -> Layout | None:
    """Return the layout in which most rows have as many cells as there are fields."""
    layouts = [Layout(d, start, fields, q) for q in ("", '"', "'") for d in (*_DELIMITERS, BLANKS)]
    layouts = [t for t in layouts if not t.quote or (t.quote in rows[0] and t.delimiter)]
    fits = [sum(len(t.cells(r)) == len(fields) and not _has_quoted_cells(t, r) for r in rows) for t in layouts]
    return layouts[fits.index(max(fits))] if any(fits) else None


def _has_quoted_cells(layout: Layout, row: str) -> bool:
    cells = layout.cells(row)
    return not layout.quote and any(len(c) > 1 and c[0] == c[-1] and c[0] in "\"'" for c in cells)


def _infer_layout(rows: Sequence[str], start: int) -> Layout | None:
    """Return the first layout under which the content of the columns determines their fields."""
    for quote in ("", '"', "'"):
        for delimiter in (*_DELIMITERS, BLANKS):
            if quote and not delimiter:
                continue
            layout = Layout(delimiter, start, (), quote)
            if fields := _infer_fields([layout.cells(r) for r in rows if quote in r], sparse=delimiter != " "):
                return Layout(delimiter, start, fields, quote)
    return None


def _infer_fields(rows: Sequence[Sequence[str]], *, sparse: bool) -> tuple[str, ...] | None:
    """Return the field of each column, by the content of most of its cells; None if that is ambiguous.

    Empty columns are allowed only if `sparse`.
    """
    if not rows:
        return None
    ((width, count),) = Counter(map(len, rows)).most_common(1)
    rows = [r for r in rows if len(r) == width]
    if width < 4 or width > 12 or count * 2 < len(rows):
        return None
    kinds = [_column_kind([r[n] for r in rows if r[n]]) for n in range(width)]
    return _fields_of_kinds(kinds, rows) if sparse or "empty" not in kinds else None


def _column_kind(cells: Sequence[str]) -> str:
    """Return what a column contains: empty, 4 or 6 (addresses), protocol, port, flags, epoch or text."""
    sample = [re.split(r"[,;|]", c)[0] for c in cells[:200]]
    tests = {
        "empty": not sample,
        "4": _most(sample, lambda c: _ip_version(c) == 4),
        "6": _most(sample, lambda c: _ip_version(c) == 6),
        "protocol": _most(sample, lambda c: c in _PROTOCOLS),
        "port": _most(sample, lambda c: c.isascii() and c.isdigit() and 0 < int(c[:9]) < 65536),
        "flags": _most(sample, lambda c: bool(re.fullmatch(r"0x0[0-9a-f]{3}", c))),
        "epoch": _most(sample, lambda c: bool(_EPOCH.fullmatch(c))),
    }
    return next((kind for kind, is_kind in tests.items() if is_kind), "text")


def _most(sample: Sequence[str], test: Callable[[str], bool]) -> bool:
    return bool(sample) and sum(map(test, sample)) * 10 >= len(sample) * 8


def _ip_version(text: str) -> int:
    try:
        return ip_address(text).version
    except ValueError:
        return 0


def _fields_of_kinds(kinds: list[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """Return fields for columns of these kinds, if there is one pair of addresses and one pair of ports."""
    four, six = ([n for n, k in enumerate(kinds) if k == version] for version in "46")
    ports = [n for n, k in enumerate(kinds) if k == "port"]
    protocols = [n for n, k in enumerate(kinds) if k == "protocol"]
    has_pairs = len(four) in (0, 2) and len(six) in (0, 2) and (four or six)
    if not has_pairs or len(ports) != 2 or len(protocols) > 1 or any(kinds.count(k) > 1 for k in ("flags", "epoch")):
        return None
    is_udp = protocols and all(r[protocols[0]] == "17" for r in rows if r[ports[0]])
    port_fields = ("udp.srcport", "udp.dstport") if is_udp else ("tcp.srcport", "tcp.dstport")
    pairs = ((four, ("ip.src", "ip.dst")), (six, ("ipv6.src", "ipv6.dst")), (ports, port_fields))
    fields = {column: field for columns, names in pairs for column, field in zip(columns, names, strict=False)}
    fields |= dict.fromkeys(protocols, "ip.proto" if four else "ipv6.nxt")
    single = {"flags": "tcp.flags", "epoch": "frame.time_epoch"}
    return tuple(fields.get(n) or single.get(kind) or f"column {n + 1}" for n, kind in enumerate(kinds))
