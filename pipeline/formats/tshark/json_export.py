"""`tshark -T json`: one array of packets, read object by object; a key may stand more than once in an object."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.formats.base import Reject
from pipeline.formats.tshark.field_names import ALL_FIELDS
from pipeline.formats.tshark.other_lines import is_noise
from pipeline.formats.tshark.packet_row import packet_row
from pipeline.formats.tshark.timestamps import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.formats.tshark.packet_row import Line

_BEGIN = re.compile(r"^\[?( {0,2})\{\r?$", re.MULTILINE)


class TsharkJson:
    """`tshark -T json`, of all fields or of some, pretty as tshark writes it."""

    name = "tshark-json"
    kind: Kind = "packets"
    sign = "packets with _source and layers"

    def recognise(self, head: str) -> int:
        """Sure where the first object is a document of an index of packets."""
        lines = [line for line in head.split("\n")[:60] if not is_noise(line)]
        first = "".join(lines).replace(" ", "")[:200]
        is_ours = '[{"_index":"packets-' in first or '[{"_source":{"layers":' in first
        return 95 if is_ours and _BEGIN.search(head) else 0

    def lines(self, source: Source) -> Iterator[Line]:
        """What each object is; its line is the one it begins at."""
        clock = Clock(zero=source.time_zero)
        for number, text in _objects(source):
            try:
                yield number, packet_row(_cells(text), clock)
            except (ValueError, RecursionError) as e:
                broken = isinstance(e, json.JSONDecodeError | RecursionError)
                yield Reject(number, f"no whole object: {e}" if broken else str(e), text)
        yield from clock.findings()


def _objects(source: Source) -> Iterator[tuple[int, str]]:
    """The text of each object of the array with the number of its first line; what is left at the end as well."""
    number, rest, end = 1, "", ""
    for block in source.text_chunks():
        rest += block
        end = end or _end(rest)
        *whole, rest = rest.split(end) if end else [rest]
        for text in whole:
            yield from _begun(number, text + end)
            number += text.count("\n") + 1
    yield from _begun(number, rest)


def _end(text: str) -> str:
    """The end of an object, by how far in the first one begins; nothing where none does."""
    begin = _BEGIN.search(text)
    return f"\n{begin[1]}}}" if begin else ""


def _begun(number: int, text: str) -> Iterator[tuple[int, str]]:
    """The objects that begin in a text which starts on line `number`; all but the last are cut short."""
    begins = [m.start(1) for m in _BEGIN.finditer(text)]
    for begin, end in pairwise([*begins, len(text)]):
        yield number + text.count("\n", 0, begin), text[begin:end].rstrip()


def _cells(text: str) -> dict[str, str]:
    pairs = json.loads(text.rstrip(","), object_pairs_hook=list)
    if not (isinstance(pairs, list) and any(key == "_source" for key, _ in pairs)):
        raise ValueError("holds no layers of a packet")
    cells: dict[str, list[str]] = {}
    _gather("", pairs, cells)
    if "ip.src" not in cells and '"ip.src_raw"' in text:
        raise ValueError("holds bytes, not values (-T jsonraw); export with -T json")
    return {name: ",".join(values) for name, values in cells.items()}


def _gather(key: str, values: list[object], cells: dict[str, list[str]]) -> None:
    """Add the text of known fields, in the order they stand: an object is a list of pairs, an array one of values."""
    for one in values:
        inner, value = one if isinstance(one, tuple) else (key, one)
        if isinstance(value, list):
            _gather(inner, value, cells)
        elif inner in ALL_FIELDS and isinstance(value, str):
            cells.setdefault(inner, []).append(value)


FORMAT = TsharkJson()
