"""`tshark -T ek`: one line of JSON per packet, each after a line for the index of a search engine.

The lines with layers are read; index lines and other lines are skipped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.formats.base import Reject
from pipeline.formats.tshark.field_names import ALL_FIELDS
from pipeline.formats.tshark.other_lines import is_other_line, strip_escapes
from pipeline.formats.tshark.packet_row import packet_row
from pipeline.formats.tshark.timestamps import TimeReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.formats.base import Kind, PacketResult
    from pipeline.formats.source import Source

# With -e a field is `ip_src`; without, `ip_ip_src`: its layer's name comes first.
_FIELD_BY_KEY = {name.replace(".", "_"): name for name in ALL_FIELDS}
_FIELD_BY_KEY |= {f"{name.partition('.')[0]}_{key}": name for key, name in _FIELD_BY_KEY.items()}
_TIME_FIELDS = {"frame.time_epoch", "frame.time_utc", "frame.time"}


class TsharkEk:
    """`tshark -T ek`, of all fields or of some."""

    name = "tshark-ek"
    kind: Kind = "packets"
    sign = "index lines and layers"

    def recognise(self, head: str) -> int:
        """Return 95 if the first line is an index line of packets, or an object with a timestamp."""
        lines = (line for line in head.split("\n") if not is_other_line(line))
        first = next(lines, "")
        return 95 if first.startswith(('{"index":{"_index":"packets-', '{"timestamp":"')) else 0

    def lines(self, source: Source) -> Iterator[PacketResult]:
        """Yield a row or a reject for each line with a packet, then the findings."""
        times = TimeReader(time_zero=source.time_zero)
        for number, raw in source.lines():
            line = strip_escapes(raw)
            if is_other_line(line) or line.startswith('{"index"'):
                continue
            try:
                yield number, packet_row(_cells(line, times), times)
            except (json.JSONDecodeError, RecursionError) as e:
                yield Reject(number, f"no JSON: {e}", line)
            except ValueError as e:
                yield Reject(number, str(e), line)
        yield from times.findings()


def _cells(line: str, times: TimeReader) -> dict[str, str]:
    """Return the text of the known fields of a packet, by field name."""
    document = json.loads(line)
    layers = document.get("layers") if isinstance(document, dict) else None
    if not isinstance(layers, dict):
        raise ValueError("contains no layers of a packet")
    values: dict[str, list[str]] = {}
    _collect_values(layers, values)
    cells = {name: ",".join(texts) for name, texts in values.items()}
    if not _TIME_FIELDS & cells.keys() and (time_ms := str(document.get("timestamp", ""))).isdecimal():
        cells["frame.time_epoch"] = f"{time_ms[:-3]}.{time_ms[-3:]}"
        times.coarse_count += 1
    return cells


def _collect_values(layer: dict[str, object], values: dict[str, list[str]]) -> None:
    """Append the text of the known fields in a layer and the layers inside it, in their order."""
    for key, value in layer.items():
        name = _FIELD_BY_KEY.get(key)
        for element in value if isinstance(value, list) else (value,):
            if isinstance(element, dict):
                _collect_values(element, values)
            elif name and element is not None:
                values.setdefault(name, []).append(str(element))


FORMAT = TsharkEk()
