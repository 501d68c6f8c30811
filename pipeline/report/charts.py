"""Charts of a section: a declaration and records become drawings, with the largest rows and groups only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.report.chart_kinds import KINDS, time_text
from pipeline.report.chart_style import vertical_line
from pipeline.report.crosstab import by_size, number, sum_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.report.chart_declaration import Chart
    from pipeline.report.chart_style import Figure
    from pipeline.report.crosstab import Record

MOST = 20
MOST_GROUPS = 4
_DIGITS = {"deviance": 1}
# The columns of which only the MOST largest values are drawn, by kind; all other kinds limit rows and columns.
_LIMITED_COLUMNS: dict[str, tuple[str, ...]] = {"timeline": (), "strips": ("rows",)}


@dataclass(frozen=True, slots=True)
class Drawing:
    """One figure with its name on the page, its title, a note on omitted values, and its value of `each`."""

    name: str
    title: str
    left_out: str
    group: str
    figure: Figure


def draw(chart: Chart, records: Sequence[Record], name: str, events: Sequence[Record] = ()) -> list[Drawing]:
    """Return the drawings of `chart`: one, or one for each of the first groups by `each`; none without records."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[str(record[chart.each]) if chart.each else ""].append(record)
    filled = [group for group, rows in groups.items() if any(number(r[chart.value]) for r in rows)]
    return [
        _add_event_lines(_draw_group(chart, groups[group], f"{name}-{place}", group), events)
        for place, group in enumerate(filled[:MOST_GROUPS], start=1)
    ]


def _draw_group(chart: Chart, records: Sequence[Record], name: str, group: str) -> Drawing:
    notes = []
    for field in _LIMITED_COLUMNS.get(chart.kind, ("rows", "columns")):
        column = getattr(chart, field)
        sizes = sum_by(records, chart.value, column) if column else {}
        if omitted := set(by_size(sizes)[MOST:]):
            records = [r for r in records if str(r[column]) not in omitted]
            total = f"{sum(sizes[n] for n in omitted):,.{_DIGITS.get(chart.unit, 0)}f}"
            notes.append(f"{len(omitted):,} others with {total} {chart.unit} are not drawn")
    return Drawing(name, chart.title, "; ".join(notes), group, KINDS[chart.kind](chart, records))


def _add_event_lines(drawing: Drawing, events: Sequence[Record]) -> Drawing:
    """Add a dashed line at the first and the last time of each event of the drawing's service, or of no service."""
    own = [e for e in events if not drawing.group or e["service"] in (drawing.group, None)]
    times = sorted({int(str(e[edge])) for e in own for edge in ("first_us", "last_us")})[:MOST]
    if not times:
        return drawing
    layout = drawing.figure["layout"]
    layout["shapes"] = [*layout.get("shapes", ()), *(vertical_line(time_text(us)) for us in times)]
    return replace(drawing, title=f"{drawing.title}; dashed: rules or pods changed")
