"""`tshark -T fields`: one line a packet, one cell a field, in any of the ways it can be told to write them.

DuckDB reads a clean file by its `Layout`; `lines` reads any, line by line.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.formats.base import Reject
from pipeline.formats.source import UNTERMINATED, UnterminatedLine
from pipeline.formats.tshark.field_names import ALL_FIELDS, DISPENSABLE
from pipeline.formats.tshark.layout import Layout, header, read_layout
from pipeline.formats.tshark.other_lines import Talk, is_noise, plain
from pipeline.formats.tshark.packet_row import is_address, packet_row
from pipeline.formats.tshark.summary_export import column_cells
from pipeline.formats.tshark.timestamps import Clock
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.formats.base import Kind
    from pipeline.formats.tshark.packet_row import Line

_SOURCE_PORTS = ("tcp.srcport", "udp.srcport", "sctp.srcport")
_PORTS = {"quoted.srcport", *_SOURCE_PORTS}
_PROTOCOLS = {"ip.proto", "ipv6.nxt", "frame.protocols"}
_ADDRESSES = ("ip.src", "ipv6.src", "ip.dst", "ipv6.dst")
_NO_ADDRESS = re.compile(r"[^0-9A-Fa-f.:]+")


class TsharkFields:
    """`tshark -T fields -e ...`, with a header line, or without one where the columns are clear from what they hold."""

    name = "tshark-fields"
    kind: Kind = "packets"
    sign = "cells with addresses and ports"

    def recognise(self, head: str) -> int:
        """Sure where a line names fields, nearly so where the columns are clear from what they hold."""
        layout = read_layout(head)
        if layout is None:
            return 0
        return 95 if header(plain(head.split("\n")[layout.header_lines - 1])) else 80

    def layout(self, head: str, fields: Sequence[str] = ()) -> Layout:
        """The layout of an export that starts with `head`; `fields` names the columns of one without a header.

        Raises:
            InputError: no line shows what its columns are, or none has as many cells as `fields`.
        """
        layout = read_layout(head, fields)
        if layout is None:
            message = f"no line has the {len(fields)} cells that --fields names" if fields else "no columns are clear"
            raise InputError(message, hint="name every column of the export, in its order")
        return layout

    def lines(self, numbered: Iterable[tuple[int, str]], layout: Layout, zero: str | None = None) -> Iterator[Line]:
        """What each line is; a header in between holds for the lines that follow.

        `zero` is what relative times count from, up to such a header: it begins another export.
        """
        trapped, clock = 0, Clock("UTC" if layout.has_columns else None, zero)
        talk = Talk()
        for number, raw in numbered:
            line = plain(raw)
            if is_noise(line) and not layout.is_blank_row(line):
                talk.take(line)
                continue
            if named := header(line):
                layout = replace(named, quote=named.quote or layout.quote)
                clock.another_export()
                continue
            try:
                cells = _cells(line, layout)
                if isinstance(raw, UnterminatedLine):
                    _drop_last(cells, line, layout)
                row = packet_row(cells, clock, _joint(cells))
            except ValueError as e:
                yield Reject(number, str(e), line)
            else:
                trapped += _PORTS.isdisjoint(row) and any(cells.get(p) for p in _SOURCE_PORTS)
                yield number, row
        yield from (*clock.findings(), *talk.findings(), *_of_headers(layout, trapped))


def _of_headers(layout: Layout, trapped: int) -> Iterator[Finding]:
    """What is wrong with how an export tells headers apart; `trapped` packets show those of two as one."""
    if not _PROTOCOLS & set(layout.fields) and set(_ADDRESSES) & set(layout.fields):
        message = "names no protocols: packets in tunnels and ICMP errors cannot be told from others"
        yield Finding.declared("no-protocols", message, "export ip.proto and ipv6.nxt as well")
    if trapped:
        message = f"{trapped} packets show an outer header and the ports of an inner one; kept without ports"
        yield Finding.declared("occurrence-trap", message, "export with -E occurrence=a")


def _cells(line: str, layout: Layout) -> dict[str, str]:
    """Text by field name; of two columns with one name, the one with something in it."""
    cells = layout.cells(line)
    if (found := len(cells)) != (wanted := len(layout.fields)):
        kind = "few" if found < wanted else "many"
        why = "; a comma both separates cells and joins values" if layout.delimiter == "," and found > wanted else ""
        raise ValueError(f"too {kind} cells: expected {wanted} and found {found}{why}")
    named = dict(zip(layout.fields, cells, strict=True))
    if layout.has_twins:
        named |= {name: cell for name, cell in zip(layout.fields, cells, strict=True) if cell}
    return named | column_cells(named) if layout.has_columns else named


def _drop_last(cells: dict[str, str], line: str, layout: Layout) -> None:
    """Leave out the last cell of a line that may be cut in it.

    Raises:
        ValueError: a packet without it is another packet.
    """
    if layout.quote and line.endswith(layout.quote):
        return
    if (name := layout.fields[-1]) in ALL_FIELDS - DISPENSABLE or layout.has_columns:
        raise ValueError(f"{UNTERMINATED} in its {name}")
    cells[name] = ""


def _joint(cells: dict[str, str]) -> str:
    """What stands between several values in one cell (`-E aggregator`), as the addresses show it."""
    for name in _ADDRESSES:
        if (addresses := cells.get(name)) and (sign := _between(addresses)):
            return sign
    return ","


@lru_cache(maxsize=1 << 16)
def _between(addresses: str) -> str:
    sign = m[0] if (m := _NO_ADDRESS.search(addresses)) else ""
    return sign if sign and all(is_address(one) for one in addresses.split(sign) if one) else ""


FORMAT = TsharkFields()
