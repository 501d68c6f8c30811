"""`tshark -T json`: one array of packets, read object by object; a key may stand more than once in an object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.formats.source import Reject
from pipeline.formats.tshark_cells import packet_row
from pipeline.formats.tshark_names import ALL_FIELDS
from pipeline.formats.tshark_noise import is_noise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.formats.base import Kind
    from pipeline.formats.tshark_cells import Line

_OPENS, _CLOSES = ("  {", "[{", "{"), ("  }", "  },", "}", "},", "}]")


class TsharkJson:
    """`tshark -T json`, of all fields or of some, pretty as tshark writes it."""

    name = "tshark-json"
    kind: Kind = "packets"
    sign = "packets with _source and layers"

    def recognise(self, head: str) -> int:
        """Sure where the first object is a document of an index of packets."""
        lines = [line for line in head.split("\n")[:60] if not is_noise(line)]
        start = "".join(lines).replace(" ", "")
        return 95 if '[{"_index":"packets-' in start[:200] or '[{"_source":{"layers":' in start[:200] else 0

    def lines(self, numbered: Iterable[tuple[int, str]]) -> Iterator[Line]:
        """What each object is; its line is the one it begins at."""
        for number, text in _objects(numbered):
            try:
                yield number, packet_row(_cells(text))
            except (ValueError, RecursionError) as e:
                broken = isinstance(e, json.JSONDecodeError | RecursionError)
                yield Reject(number, f"no whole object: {e}" if broken else str(e), text)


def _objects(numbered: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The text of each object of the array with the number of its first line; what is left at the end as well."""
    start, lines = 0, list[str]()
    for number, line in numbered:
        if line in _OPENS and lines:
            yield start, "\n".join(lines)
            lines = []
        if lines or line in _OPENS:
            start = start if lines else number
            lines.append(line)
        if lines and line in _CLOSES:
            yield start, "\n".join(lines)
            lines = []
    if lines:
        yield start, "\n".join(lines)


def _cells(text: str) -> dict[str, str]:
    pairs = json.loads(text.removeprefix("[").removesuffix("]").rstrip(","), object_pairs_hook=list)
    cells: dict[str, list[str]] = {}
    _gather("", pairs, cells)
    if not any(key == "_source" for key, _ in pairs if isinstance(pairs, list)):
        raise ValueError("holds no layers of a packet")
    if "ip.src" not in cells and '"ip.src_raw"' in text:
        raise ValueError("holds bytes, not values (-T jsonraw); export with -T json")
    return {name: ",".join(values) for name, values in cells.items()}


def _gather(key: str, value: object, cells: dict[str, list[str]]) -> None:
    """Add the text of known fields under `key`, in the order they stand; an object is a list of pairs."""
    if isinstance(value, list):
        for one in value:
            inner, below = one if isinstance(one, tuple) else (key, one)
            _gather(inner, below, cells)
    elif key in ALL_FIELDS and isinstance(value, str):
        cells.setdefault(key, []).append(str(value))


FORMAT = TsharkJson()
