"""`tshark -T fields`: one line per packet, one cell per field, with any of tshark's options for separators and quotes.

The vectorised reader (pipeline/ingest/packet_reader.py) reads most lines by their `Layout`. `lines` reads any line,
one by one. Repeated headers are read; blank lines, stderr messages and shell prompts are skipped.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.formats.addresses import is_address
from pipeline.formats.base import Reject
from pipeline.formats.source import UNTERMINATED, UnterminatedLine
from pipeline.formats.tshark.field_names import ALL_FIELDS, OPTIONAL_FIELDS
from pipeline.formats.tshark.layout import Layout, parse_header, read_layout
from pipeline.formats.tshark.other_lines import OtherLines, is_other_line, strip_escapes
from pipeline.formats.tshark.packet_row import packet_row
from pipeline.formats.tshark.summary_export import column_cells
from pipeline.formats.tshark.timestamps import TimeReader
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.formats.base import Kind, PacketResult

_SOURCE_PORTS = ("tcp.srcport", "udp.srcport", "sctp.srcport")
_PORT_COLUMNS = {"quoted.srcport", *_SOURCE_PORTS}
_PROTOCOLS = {"ip.proto", "ipv6.nxt", "frame.protocols"}
_ADDRESSES = ("ip.src", "ipv6.src", "ip.dst", "ipv6.dst")
_NO_ADDRESS = re.compile(r"[^0-9A-Fa-f.:]+")


class TsharkFields:
    """`tshark -T fields -e ...`, with a header line, or without one if the content of the columns determines them."""

    name = "tshark-fields"
    kind: Kind = "packets"
    sign = "cells with addresses and ports"

    def recognise(self, head: str) -> int:
        """Return 95 if a line names fields, and 80 if the content of the columns determines them."""
        layout = read_layout(head)
        if layout is None:
            return 0
        return 95 if parse_header(strip_escapes(head.split("\n")[layout.header_lines - 1])) else 80

    def layout(self, head: str, fields: Sequence[str] = ()) -> Layout:
        """Return the layout of an export that starts with `head`; `fields` names the columns if it has no header line.

        Raises:
            InputError: no line determines the columns, or none has as many cells as `fields`.
        """
        layout = read_layout(head, fields)
        if layout is None:
            no_match = f"no line has the {len(fields)} cells that --fields names"
            message = no_match if fields else "the columns cannot be inferred from their content"
            raise InputError(message, hint="name every column of the export, in its order")
        return layout

    def lines(
        self, numbered: Iterable[tuple[int, str]], layout: Layout, time_zero: str | None = None
    ) -> Iterator[PacketResult]:
        """Yield a row or a reject for each line with a packet, then the findings.

        A header in between applies to the lines after it. It begins another export: `time_zero`, the start of relative
        times, applies up to there.
        """
        times = TimeReader("UTC" if layout.has_summary_columns else None, time_zero)
        other_lines, outer_only_count = OtherLines(), 0
        for number, raw in numbered:
            line = strip_escapes(raw)
            if is_other_line(line) and not layout.is_blank_row(line):
                other_lines.add(line)
                continue
            if header := parse_header(line):
                layout = replace(header, quote=header.quote or layout.quote)
                times.start_next_export()
                continue
            try:
                cells = _cells(line, layout)
                if isinstance(raw, UnterminatedLine):
                    _drop_last_cell(cells, line, layout)
                row = packet_row(cells, times, _aggregator(cells))
            except ValueError as e:
                yield Reject(number, str(e), line)
            else:
                outer_only_count += _PORT_COLUMNS.isdisjoint(row) and any(cells.get(p) for p in _SOURCE_PORTS)
                yield number, row
        yield from (*times.findings(), *other_lines.findings(), *_header_findings(layout, outer_only_count))


def _header_findings(layout: Layout, outer_only_count: int) -> Iterator[Finding]:
    """Yield findings if an export cannot separate a packet's headers.

    `outer_only_count` packets combine the addresses of an outer header with the ports of an inner one.
    """
    if not _PROTOCOLS & set(layout.fields) and set(_ADDRESSES) & set(layout.fields):
        message = "has no protocol field, so tunnelled packets and ICMP errors look like other packets"
        yield Finding.declared("no-protocols", message)
    if outer_only_count:
        message = f"{outer_only_count} packets show an outer header and the ports of an inner one; kept without ports"
        yield Finding.declared("occurrence-trap", message)


def _cells(line: str, layout: Layout) -> dict[str, str]:
    """Return the cells by field name; of two columns with the same name, the one that is not empty."""
    cells = layout.cells(line)
    if (count := len(cells)) != (expected := len(layout.fields)):
        kind = "few" if count < expected else "many"
        why = "; a comma both separates cells and joins values" if layout.delimiter == "," and count > expected else ""
        raise ValueError(f"too {kind} cells: expected {expected} and found {count}{why}")
    named = dict(zip(layout.fields, cells, strict=True))
    if layout.has_duplicate_names:
        named |= {name: cell for name, cell in zip(layout.fields, cells, strict=True) if cell}
    return named | column_cells(named) if layout.has_summary_columns else named


def _drop_last_cell(cells: dict[str, str], line: str, layout: Layout) -> None:
    """Empty the last cell of a line that may be cut inside it.

    Raises:
        ValueError: without the cell it would be another packet.
    """
    if layout.quote and line.endswith(layout.quote):
        return
    if (name := layout.fields[-1]) in ALL_FIELDS - OPTIONAL_FIELDS or layout.has_summary_columns:
        raise ValueError(f"{UNTERMINATED} in its {name}")
    cells[name] = ""


def _aggregator(cells: dict[str, str]) -> str:
    """Return the separator of several values in a cell (`-E aggregator`), as the address cells show it."""
    for name in _ADDRESSES:
        if (addresses := cells.get(name)) and (separator := _separator(addresses)):
            return separator
    return ","


@lru_cache(maxsize=1 << 16)
def _separator(addresses: str) -> str:
    sign = m[0] if (m := _NO_ADDRESS.search(addresses)) else ""
    return sign if sign and all(is_address(text) for text in addresses.split(sign) if text) else ""


FORMAT = TsharkFields()
