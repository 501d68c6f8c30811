"""The declaration of a chart, as `section.toml` has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chart:
    """The declaration of a chart: `rows`, `columns`, `series` and `value` name columns of the records.

    `each` names a column that gives one drawing per value. `markers` names a list of events, whose times become
    dashed lines. Bars are sorted by size, or keep the order of the records if `in_order`.
    """

    kind: str
    title: str
    rows: str
    value: str = "connection_count"
    unit: str = "connections"
    columns: str = ""
    across: str = ""
    series: str = ""
    each: str = ""
    markers: str = ""
    in_order: bool = False
