"""From the cells of one packet, as any form names and writes them, to one row of the columns that `packets` is made of.

Cells with several values come from several headers in one packet. A tunnel gives the inner packet, with the outer
addresses beside it; an ICMP error gives an ICMP packet, with the flow that it quotes in columns of its own. Which
value of which cell goes where is worked out once for each shape of packet (pipeline.formats.tshark_shapes).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pipeline.formats.base import Reject
from pipeline.formats.tshark.field_names import BITS, ICMP_FIELDS, IN_HEADERS, LIMITS, NOT_QUOTED, TYPES
from pipeline.formats.tshark.header_nesting import picks
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.formats.tshark.timestamps import Clock

_TRUE, _FALSE = ("1", "true", "set"), ("0", "false", "not set", "")
_OF_FRAME = ("frame.len", "frame.interface_name", "http.request.method")
# A number of fewer decimal digits is in range.
_SAFE_DIGITS = {name: len(str(LIMITS[kind])) if kind in LIMITS else 0 for name, kind in TYPES.items()}

Row = dict[str, str]
Line = tuple[int, Row] | Reject | Finding


def packet_row(cells: Mapping[str, str], clock: Clock, joint: str = ",") -> Row:
    """The row of one packet, its time by the export's `clock`; a cell with several values has `joint` between them.

    Raises:
        ValueError: it cannot be told what the packet is; the message says why.
    """
    if not cells.get("tcp.flags") and (flags := _flags(cells, joint)):
        cells = {**cells, "tcp.flags": joint.join(flags)}
    found = picks(
        tuple([text.count(joint) + 1 if text else 0 for text in map(cells.get, IN_HEADERS)]),
        tuple(cells.get("ip.proto", "").split(joint)),
        tuple(cells.get("ipv6.nxt", "").split(joint)),
        cells.get("frame.protocols", ""),
        "" in map(cells.get, NOT_QUOTED),
    )
    if isinstance(found, str):
        raise ValueError(found)
    row = dict(found.fixed)
    for out, name, place in found.cells:
        if text := cells[name] if place is None else cells[name].split(joint)[place]:
            safe = len(text) < _SAFE_DIGITS[out] and text.isdecimal() and text.isascii()
            row[out] = text if safe else _value(out, text)
    for name in _OF_FRAME:
        if text := cells.get(name, ""):
            row[name] = _value(name, text.replace(joint, ","))
    for name in ICMP_FIELDS:  # an error may quote an ICMP message: the first is its own
        if text := cells.get(name, "").split(joint)[0]:
            row[name] = _value(name, text)
    if time := clock.time(cells):
        row["frame.time_epoch"] = time
    return row


@lru_cache(maxsize=1 << 16)
def _value(name: str, text: str) -> str:
    """One value, checked against its type and written as DuckDB reads it."""
    kind = TYPES[name]
    if name.endswith((".src", ".dst")):
        if not is_address(text):
            raise ValueError(f"{text!r} is no address")
        return text
    if kind == "VARCHAR":
        return "".join(c if c.isprintable() else " " for c in text)
    try:
        number = int(text, 16 if text[:2].lower() == "0x" else 10)
    except ValueError:
        raise ValueError(f"{name} is no number: {text!r}") from None
    if not 0 <= number <= LIMITS[kind]:
        raise ValueError(f"{name} is out of range: {text!r}")
    return str(number)


@lru_cache(maxsize=1 << 16)
def is_address(text: str) -> bool:
    """Whether it is an IP address as tshark writes them."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _flags(cells: Mapping[str, str], joint: str) -> list[str]:
    """TCP flags from their letters, or from one field a flag."""
    if letters := cells.get("tcp.flags.str"):
        return [_flag_letters(word) for word in letters.split(joint)]
    told = {bit: text for name, bit in BITS.items() if (text := cells.get(name))}
    if not told or any(joint in text for text in told.values()):
        return []
    return [str(sum(bit for bit, text in told.items() if is_true(text)))]


@lru_cache(maxsize=4096)
def _flag_letters(word: str) -> str:
    """`·······A··S·` as a number: twelve places, a letter where the flag is set."""
    if len(word) != 12:
        raise ValueError(f"tcp.flags.str is not twelve places: {word!r}")
    return str(sum(1 << (11 - place) for place, letter in enumerate(word) if letter.isalpha()))


def is_true(text: str) -> bool:
    """A boolean as 1/0, True/False or Set/Not set.

    Raises:
        ValueError: it is none of these.
    """
    if (word := text.lower()) in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{text!r} is neither true nor false")
