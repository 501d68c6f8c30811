"""How a delimited export is laid out: what separates its cells, what each cell is, where its rows begin."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pipeline.formats.tshark import field_names
from pipeline.formats.tshark.field_names import FIELD_TYPES, OTHER_WORDS
from pipeline.formats.tshark.other_lines import is_noise, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

CLASSIC = ("ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "ip.proto")
BLANKS = ""  # as a delimiter: runs of blanks
_DELIMITERS = ("\t", ";", "|", ",", " ")
_NAME = re.compile(r"^(_ws\.col\.)?[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*\.?$")
_KNOWN = {*FIELD_TYPES, *(w for words in OTHER_WORDS.values() for w in words), "_ws.col.Source", "_ws.col.Info"}
_FAMILIES = tuple({f"{name.partition('.')[0]}." for name in _KNOWN})
_PROTOCOLS = {"1", "2", "4", "6", "17", "41", "47", "50", "51", "58", "89", "103", "132"}
_SEVERAL = re.compile(r"[^0-9A-Fa-f.:]")
_EPOCH = re.compile(r"\d{9,10}\.\d{1,9}")


@dataclass(frozen=True)
class Layout:
    """How to read an export: what separates cells, how many lines to skip, the field in each place, quotes if any.

    `nested` says that most rows have several headers in them.
    """

    delimiter: str
    header_lines: int
    fields: tuple[str, ...]
    quote: str = ""
    nested: bool = False

    @property
    def fast(self) -> bool:
        """Whether DuckDB can read it as it is."""
        return bool(self.delimiter) and not self.nested and field_names.fast(self.fields)

    @cached_property
    def _all_quoted(self) -> re.Pattern[str]:
        q, d = re.escape(self.quote), re.escape(self.delimiter)
        cell = rf"(?:{q}[^{q}{d}]*{q})?"
        return re.compile(rf"{cell}(?:{d}{cell})*")

    @cached_property
    def _quoted(self) -> re.Pattern[str]:
        q, d = re.escape(self.quote), re.escape(self.delimiter)
        return re.compile(rf"{q}(.*?){q}(?=$|{d}(?:{q}|{d}|$))|([^{q}{d}]*)(?=$|{d})")

    @cached_property
    def has_twins(self) -> bool:
        """Whether two columns have one name."""
        return len(set(self.fields)) < len(self.fields)

    @cached_property
    def has_columns(self) -> bool:
        """Whether there are tshark's own columns among the fields."""
        return any(name.startswith("_ws.col.") for name in self.fields)

    def cells(self, line: str) -> list[str]:
        """The cells of a line; quotes inside a quoted cell are text, as tshark does not escape them."""
        if not self.delimiter:
            return line.split()
        cells = line.split(self.delimiter)
        if not self.quote or self.quote not in line:
            return cells
        if self._all_quoted.fullmatch(line):
            return [c[1:-1] for c in cells]
        cells, place = [], 0
        while m := self._quoted.match(line, place):
            cells.append(m[1] if m[1] is not None else m[2])
            if (place := m.end() + 1) > len(line):
                break
        return cells if place > len(line) else [line]

    def is_blank_row(self, line: str) -> bool:
        """Whether the line is a row with nothing in any cell, such as ARP gives."""
        return bool(line) and line.isspace() and len(self.cells(line)) == len(self.fields)


def read_layout(head: str, fields: Sequence[str] = ()) -> Layout | None:
    """The layout of an export that starts with `head`; `fields` names the columns of one without a header."""
    lines = [plain(line) for line in head.split("\n")]
    lines = [line.rstrip("\r") for line in (lines[:-1] if len(lines) > 1 else lines)]
    start = next((n for n, line in enumerate(lines) if not is_noise(line)), None)
    if start is None:
        return None
    named = next(((n, h) for n, line in enumerate(lines[start : start + 50], start) if (h := header(line))), None)
    rows = [line for line in lines[named[0] + 1 if named else start :] if not is_noise(line)][:500]
    if named:
        found: Layout | None = replace(
            named[1], header_lines=named[0] + 1, quote=named[1].quote or _quote(named[1], rows)
        )
    else:
        found = _told(rows, tuple(fields), start) if fields else _inferred(rows, start)
    return replace(found, nested=_is_nested(found, rows)) if found else None


def _is_nested(layout: Layout, rows: Sequence[str]) -> bool:
    """Whether most rows have several addresses in a cell."""
    places = [n for n, name in enumerate(layout.fields) if name in ("ip.src", "ipv6.src")]
    cells = (layout.cells(row) for row in rows)
    found = sum(any(_SEVERAL.search(c[n]) for n in places) for c in cells if len(c) == len(layout.fields))
    return 2 * found > len(rows)


def header(line: str) -> Layout | None:
    """The layout that a header line tells, if it is one."""
    if not line.lstrip("\ufeff\"'_ \t")[:1].isalpha() or not any(family in line for family in _FAMILIES):
        return None
    for delimiter in (*_DELIMITERS, BLANKS):
        cells = tuple(line.rstrip("\r").removeprefix("\ufeff").split(delimiter or None))
        quote = next((q for q in "\"'" if cells and all(c[:1] == c[-1:] == q for c in cells)), "")
        names = tuple(cell.strip(quote) for cell in cells) if quote else cells
        if names and all(_NAME.match(n) for n in names) and any(n in _KNOWN for n in names):
            return Layout(delimiter, 1, names, quote)
    return None


def _quote(layout: Layout, rows: Sequence[str]) -> str:
    """What stands around the cells of rows under a header that has no quotes itself."""
    cells = [c for row in rows[:100] for c in row.split(layout.delimiter or None) if c]
    return next((q for q in "\"'" if 2 * sum(c[0] == q for c in cells) > len(cells)), "")


def _told(rows: Sequence[str], fields: tuple[str, ...], start: int) -> Layout | None:
    """The layout that gives most rows as many cells as there are names."""
    tries = [Layout(d, start, fields, q) for q in ("", '"', "'") for d in (*_DELIMITERS, BLANKS)]
    tries = [t for t in tries if not t.quote or (t.quote in rows[0] and t.delimiter)]
    fits = [sum(len(t.cells(r)) == len(fields) and not _has_quotes(t, r) for r in rows) for t in tries]
    return tries[fits.index(max(fits))] if any(fits) else None


def _has_quotes(layout: Layout, row: str) -> bool:
    cells = layout.cells(row)
    return not layout.quote and any(len(c) > 1 and c[0] == c[-1] and c[0] in "\"'" for c in cells)


def _inferred(rows: Sequence[str], start: int) -> Layout | None:
    """The layout whose cells look like a usual export: the classic five columns, or another clear order."""
    for quote in ("", '"', "'"):
        for delimiter in (*_DELIMITERS, BLANKS):
            if quote and not delimiter:
                continue
            layout = Layout(delimiter, start, (), quote)
            if fields := _roles([layout.cells(r) for r in rows if quote in r], sparse=delimiter != " "):
                return Layout(delimiter, start, fields, quote)
    return None


def _roles(rows: Sequence[Sequence[str]], *, sparse: bool) -> tuple[str, ...] | None:
    """The field of each column, by what most of its cells are; None where that is not clear.

    A column with nothing in it is one only where `sparse`.
    """
    if not rows:
        return None
    ((width, count),) = Counter(map(len, rows)).most_common(1)
    rows = [r for r in rows if len(r) == width]
    if width < 4 or width > 12 or count * 2 < len(rows):
        return None
    kinds = [_kind([r[n] for r in rows if r[n]]) for n in range(width)]
    return _names(kinds, rows) if sparse or "empty" not in kinds else None


def _kind(cells: Sequence[str]) -> str:
    """What a column holds: nothing, 4 or 6 (addresses), protocol, port, flags, epoch, time or text."""
    sample = [re.split(r"[,;|]", c)[0] for c in cells[:200]]
    tests = {
        "empty": not sample,
        "4": _most(sample, lambda c: _version(c) == 4),
        "6": _most(sample, lambda c: _version(c) == 6),
        "protocol": _most(sample, _PROTOCOLS.__contains__),
        "port": _most(sample, lambda c: c.isascii() and c.isdigit() and 0 < int(c[:9]) < 65536),
        "flags": _most(sample, lambda c: bool(re.fullmatch(r"0x0[0-9a-f]{3}", c))),
        "epoch": _most(sample, lambda c: bool(_EPOCH.fullmatch(c))),
    }
    return next((kind for kind, holds in tests.items() if holds), "text")


def _most(sample: Sequence[str], test: object) -> bool:
    return bool(sample) and sum(bool(test(c)) for c in sample) * 10 >= len(sample) * 8  # type: ignore[operator]


def _version(text: str) -> int:
    try:
        return ip_address(text).version
    except ValueError:
        return 0


def _names(kinds: list[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """Names for columns of these kinds, if there is one pair of addresses and one pair of ports."""
    four, six = ([n for n, k in enumerate(kinds) if k == v] for v in "46")
    ports = [n for n, k in enumerate(kinds) if k == "port"]
    protocols = [n for n, k in enumerate(kinds) if k == "protocol"]
    pairs_fit = len(four) in (0, 2) and len(six) in (0, 2) and (four or six)
    if not pairs_fit or len(ports) != 2 or len(protocols) > 1 or any(kinds.count(k) > 1 for k in ("flags", "epoch")):
        return None
    only_udp = protocols and all(r[protocols[0]] == "17" for r in rows if r[ports[0]])
    sockets = ("udp.srcport", "udp.dstport") if only_udp else ("tcp.srcport", "tcp.dstport")
    pairs = ((four, ("ip.src", "ip.dst")), (six, ("ipv6.src", "ipv6.dst")), (ports, sockets))
    roles = {place: name for places, names in pairs for place, name in zip(places, names, strict=False)}
    roles |= dict.fromkeys(protocols, "ip.proto" if four else "ipv6.nxt")
    single = {"flags": "tcp.flags", "epoch": "frame.time_epoch"}
    return tuple(roles.get(n) or single.get(k) or f"column {n + 1}" for n, k in enumerate(kinds))
