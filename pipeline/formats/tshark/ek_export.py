"""`tshark -T ek`: one line of JSON a packet, after a line for the index of a search engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.formats.base import Reject
from pipeline.formats.tshark.field_names import ALL_FIELDS
from pipeline.formats.tshark.other_lines import is_noise, plain
from pipeline.formats.tshark.packet_row import packet_row
from pipeline.formats.tshark.timestamps import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.formats.tshark.packet_row import Line

# With -e a field is `ip_src`; without, `ip_ip_src`: the name of its layer stands before it.
_NAMES = {name.replace(".", "_"): name for name in ALL_FIELDS}
_NAMES |= {f"{name.partition('.')[0]}_{short}": name for short, name in _NAMES.items()}
_TIMES = {"frame.time_epoch", "frame.time_utc", "frame.time"}


class TsharkEk:
    """`tshark -T ek`, of all fields or of some."""

    name = "tshark-ek"
    kind: Kind = "packets"
    sign = "index lines and layers"

    def recognise(self, head: str) -> int:
        """Sure where a line is an index of packets, or layers with a timestamp."""
        lines = (line for line in head.split("\n") if not is_noise(line))
        first = next(lines, "")
        return 95 if first.startswith(('{"index":{"_index":"packets-', '{"timestamp":"')) else 0

    def lines(self, source: Source) -> Iterator[Line]:
        """What each line is; index lines are no rows."""
        clock = Clock(zero=source.time_zero)
        for number, raw in source.lines():
            line = plain(raw)
            if is_noise(line) or line.startswith('{"index"'):
                continue
            try:
                yield number, packet_row(_cells(line, clock), clock)
            except (ValueError, RecursionError) as e:
                yield Reject(number, _reason(e), line)
        yield from clock.findings()


def _reason(error: Exception) -> str:
    return f"no JSON: {error}" if isinstance(error, json.JSONDecodeError | RecursionError) else str(error)


def _cells(line: str, clock: Clock) -> dict[str, str]:
    whole = json.loads(line)
    layers = whole.get("layers") if isinstance(whole, dict) else None
    if not isinstance(layers, dict):
        raise ValueError("holds no layers of a packet")
    cells: dict[str, list[str]] = {}
    _gather(layers, cells)
    found = {name: ",".join(values) for name, values in cells.items()}
    if not _TIMES & found.keys() and (time := str(whole.get("timestamp", ""))).isdecimal():
        found["frame.time_epoch"] = f"{time[:-3]}.{time[-3:]}"
        clock.coarse_count += 1
    return found


def _gather(layer: dict[str, object], cells: dict[str, list[str]]) -> None:
    """Add the text of the known fields in a layer, however deep, in the order they stand."""
    for key, value in layer.items():
        name = _NAMES.get(key)
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, dict):
                _gather(one, cells)
            elif name and one is not None:
                cells.setdefault(name, []).append(str(one))


FORMAT = TsharkEk()
