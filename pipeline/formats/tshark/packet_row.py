"""One packet's cells, from any form, as one row of FIELD_TYPES and NESTED_TYPES.

A cell with several values comes from a packet with several headers. header_nesting.py decides which value goes into
which column.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.formats.addresses import is_address
from pipeline.formats.tshark.field_names import (
    HEADER_FIELDS,
    ICMP_FIELDS,
    LIMITS,
    NOT_QUOTED,
    TCP_FLAG_BITS,
    TYPES,
)
from pipeline.formats.tshark.header_nesting import row_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.formats.tshark.timestamps import TimeReader

_TRUE, _FALSE = ("1", "true", "set"), ("0", "false", "not set", "")
_FRAME_FIELDS = ("frame.len", "frame.interface_name", "http.request.method")
# A number with fewer decimal digits than this is in range.
_SAFE_DIGITS = {name: len(str(LIMITS[kind])) if kind in LIMITS else 0 for name, kind in TYPES.items()}


def packet_row(cells: Mapping[str, str], times: TimeReader, aggregator: str = ",") -> dict[str, str]:
    """Return the row of one packet; `aggregator` separates several values in a cell.

    Raises:
        ValueError: the cells do not determine the packet; the message contains the reason.
    """
    if not cells.get("tcp.flags") and (flags := _tcp_flags(cells, aggregator)):
        cells = {**cells, "tcp.flags": aggregator.join(flags)}
    plan = row_plan(
        tuple([text.count(aggregator) + 1 if text else 0 for text in map(cells.get, HEADER_FIELDS)]),
        tuple(cells.get("ip.proto", "").split(aggregator)),
        tuple(cells.get("ipv6.nxt", "").split(aggregator)),
        cells.get("frame.protocols", ""),
        "" in map(cells.get, NOT_QUOTED),
    )
    if isinstance(plan, str):
        raise ValueError(plan)
    row = dict(plan.fixed)
    for column, name, index in plan.copies:
        if text := cells[name] if index is None else cells[name].split(aggregator)[index]:
            is_safe = len(text) < _SAFE_DIGITS[column] and text.isdecimal() and text.isascii()
            row[column] = text if is_safe else _checked_value(column, text)
    for name in _FRAME_FIELDS:
        if text := cells.get(name, ""):
            row[name] = _checked_value(name, text.replace(aggregator, ","))
    for name in ICMP_FIELDS:  # an error may quote an ICMP message: the first value is its own
        if text := cells.get(name, "").split(aggregator)[0]:
            row[name] = _checked_value(name, text)
    if time := times.packet_time(cells):
        row["frame.time_epoch"] = time
    return row


@lru_cache(maxsize=1 << 16)
def _checked_value(name: str, text: str) -> str:
    """Return one value after a check of its type, in the notation that DuckDB reads."""
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


def _tcp_flags(cells: Mapping[str, str], aggregator: str) -> list[str]:
    """Return TCP flags as numbers, from their letters or from one field per flag."""
    if letters := cells.get("tcp.flags.str"):
        return [_flags_of_letters(word) for word in letters.split(aggregator)]
    text_by_bit = {bit: text for name, bit in TCP_FLAG_BITS.items() if (text := cells.get(name))}
    if not text_by_bit or any(aggregator in text for text in text_by_bit.values()):
        return []
    return [str(sum(bit for bit, text in text_by_bit.items() if is_true(text)))]


@lru_cache(maxsize=4096)
def _flags_of_letters(word: str) -> str:
    """Return `·······A··S·` as a number: twelve characters, a letter for each flag that is set."""
    if len(word) != 12:
        raise ValueError(f"tcp.flags.str does not have twelve characters: {word!r}")
    return str(sum(1 << (11 - n) for n, letter in enumerate(word) if letter.isalpha()))


def is_true(text: str) -> bool:
    """Return the boolean that 1/0, True/False or Set/Not set represents.

    Raises:
        ValueError: it is none of these.
    """
    if (word := text.lower()) in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{text!r} is neither true nor false")
