"""`tshark -T json`: one array of packets, read object by object; a key may occur several times in an object.

Text before, between and after the objects is skipped.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.formats.base import Reject
from pipeline.formats.tshark.field_names import ALL_FIELDS
from pipeline.formats.tshark.other_lines import is_other_line
from pipeline.formats.tshark.packet_row import packet_row
from pipeline.formats.tshark.timestamps import TimeReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.formats.base import Kind, PacketResult
    from pipeline.formats.source import Source

_OBJECT_START = re.compile(r"^\[?( {0,2})\{\r?$", re.MULTILINE)


class TsharkJson:
    """`tshark -T json`, of all fields or of some, indented as tshark prints it."""

    name = "tshark-json"
    kind: Kind = "packets"
    sign = "packets with _source and layers"

    def recognise(self, head: str) -> int:
        """Return 95 if the first object is a document of an index of packets."""
        lines = [line for line in head.split("\n")[:60] if not is_other_line(line)]
        start = "".join(lines).replace(" ", "")[:200]
        has_packets = '[{"_index":"packets-' in start or '[{"_source":{"layers":' in start
        return 95 if has_packets and _OBJECT_START.search(head) else 0

    def lines(self, source: Source) -> Iterator[PacketResult]:
        """Yield a row or a reject for each object, with the number of its first line; then the findings."""
        times = TimeReader(time_zero=source.time_zero)
        for number, text in _objects(source):
            try:
                yield number, packet_row(_cells(text), times)
            except (json.JSONDecodeError, RecursionError) as e:
                yield Reject(number, f"no whole object: {e}", text)
            except ValueError as e:
                yield Reject(number, str(e), text)
        yield from times.findings()


def _objects(source: Source) -> Iterator[tuple[int, str]]:
    """Yield (number of the first line, text) of each object of the array, also of a last one that is cut short."""
    number, rest, object_end = 1, "", ""
    for chunk in source.text_chunks():
        rest += chunk
        object_end = object_end or _object_end(rest)
        *texts, rest = rest.split(object_end) if object_end else [rest]
        for text in texts:
            yield from _objects_in(number, text + object_end)
            number += text.count("\n") + 1
    yield from _objects_in(number, rest)


def _object_end(text: str) -> str:
    """Return the line that ends an object, which is indented as the first one's start; "" if no object starts."""
    start = _OBJECT_START.search(text)
    return f"\n{start[1]}}}" if start else ""


def _objects_in(number: int, text: str) -> Iterator[tuple[int, str]]:
    """Yield the objects that start in a text whose first line is `number`; all but the last are cut short."""
    starts = [m.start(1) for m in _OBJECT_START.finditer(text)]
    for start, end in pairwise([*starts, len(text)]):
        yield number + text.count("\n", 0, start), text[start:end].rstrip()


def _cells(text: str) -> dict[str, str]:
    """Return the text of the known fields of a packet, by field name."""
    pairs = json.loads(text.rstrip(","), object_pairs_hook=list)
    if not (isinstance(pairs, list) and any(key == "_source" for key, _ in pairs)):
        raise ValueError("contains no layers of a packet")
    values: dict[str, list[str]] = {}
    _collect_values("", pairs, values)
    if "ip.src" not in values and '"ip.src_raw"' in text:
        raise ValueError("contains bytes, not values (-T jsonraw); export with -T json")
    return {name: ",".join(texts) for name, texts in values.items()}


def _collect_values(key: str, elements: list[object], values: dict[str, list[str]]) -> None:
    """Append the text of known fields, in their order: an object is a list of pairs, an array a list of values."""
    for element in elements:
        inner, value = element if isinstance(element, tuple) else (key, element)
        if isinstance(value, list):
            _collect_values(inner, value, values)
        elif inner in ALL_FIELDS and isinstance(value, str):
            values.setdefault(inner, []).append(value)


FORMAT = TsharkJson()
