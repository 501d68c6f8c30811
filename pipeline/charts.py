"""Draws: each kind of chart takes records and the names of their columns, and gives a plotly figure as plain data."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.chart_style import (
    LABEL_PATTERNS,
    axis_title,
    bar_layout,
    base_layout,
    count_axis,
    frame,
    label_mark,
    name_axis,
    plain,
)
from pipeline.crosstab import by_size, crosstab, number, sizes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.chart_style import Figure
    from pipeline.crosstab import Cells, Record

MOST = 20
MOST_GROUPS = 6
_MOST_NUMBERED_CELLS = 200


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw: `rows`, `columns`, `series`, `value` name columns; `each` names one to give a picture per value."""

    kind: str
    title: str
    rows: str
    value: str = "connection_count"
    unit: str = "connections"
    columns: str = ""
    across: str = ""
    series: str = ""
    each: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture: its name on the page, its title, what it leaves out, its value of `each`, and the figure."""

    name: str
    title: str
    left_out: str
    group: str
    figure: Figure


def draw(chart: Chart, records: Sequence[Record], name: str) -> list[Drawing]:
    """The pictures of `chart`: one, or one for each of the largest groups; none without records."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[str(record[chart.each]) if chart.each else ""].append(record)
    largest = by_size({group: sum(number(r[chart.value]) for r in rows) for group, rows in groups.items()})
    return [
        _drawing(chart, groups[group], f"{name}-{place}", group)
        for place, group in enumerate(largest[:MOST_GROUPS], start=1)
    ]


def _drawing(chart: Chart, records: Sequence[Record], name: str, group: str) -> Drawing:
    left_out = []
    for column in (chart.rows, chart.columns) if chart.kind != "timeline" else ():
        sizes = sizes_of(records, chart.value, column) if column else {}
        if rest := set(by_size(sizes)[MOST:]):
            records = [r for r in records if str(r[column]) not in rest]
            left_out.append(f"{len(rest):,} others with {sum(sizes[n] for n in rest):,} {chart.unit} are not drawn")
    return Drawing(name, chart.title, "; ".join(left_out), group, KINDS[chart.kind](chart, records))


def heatmap(chart: Chart, records: Sequence[Record]) -> Figure:
    """Counts of two columns against each other; what was never seen together is 0."""
    import plotly.graph_objects as go

    cells = crosstab(records, chart.value, chart.rows, chart.columns)
    down = by_size(sizes_of(records, chart.value, chart.rows))
    across = sorted({a for _, a in cells})
    on_both = set(down) & set(across)
    if on_both:
        down.sort()
    counts = [[cells.get((d, a), 0) for a in across] for d in down]
    trace = go.Heatmap(
        z=counts,
        x=plain(across),
        y=plain(down),
        hovertemplate=f"%{{y}}<br>%{{x}}<br>%{{z:,}} {chart.unit}<extra></extra>",
        texttemplate="%{z:,}" if len(down) * len(across) <= _MOST_NUMBERED_CELLS else None,
        colorscale=[[0, "var(--heat-low)"], [1, "var(--heat-high)"]],
        zmin=0,
        zmax=max(map(max, counts)),
        showscale=False,
        xgap=2,
        ygap=2,
    )
    layout = base_layout(130 + 34 * max(2, len(down)))
    layout["xaxis"] |= name_axis(across) | {"title": axis_title(chart.across)}
    layout["yaxis"] |= name_axis(down) | {"autorange": "reversed"}
    layout["shapes"] = [frame(across.index(name), down.index(name)) for name in across if name in on_both]
    return _figure([trace], layout)


def bars(chart: Chart, records: Sequence[Record]) -> Figure:
    """One bar per value of a column, the longest on top."""
    import plotly.graph_objects as go

    sizes = sizes_of(records, chart.value, chart.rows)
    names = by_size(sizes)
    trace = go.Bar(
        orientation="h",
        x=[sizes[n] for n in names],
        y=plain(names),
        texttemplate="%{x:,}",
        textposition="auto",
        hovertemplate=f"%{{y}}<br>%{{x:,}} {chart.unit}<extra></extra>",
        marker={"color": "var(--bar)"},
        insidetextfont={"color": "var(--on-bar)"},
    )
    return _figure([trace], bar_layout(names, chart.unit))


def stacked(chart: Chart, records: Sequence[Record]) -> Figure:
    """One bar per value of a column, divided by label."""
    import plotly.graph_objects as go

    cells = crosstab(records, chart.value, chart.rows, chart.series)
    names = by_size(sizes_of(records, chart.value, chart.rows))
    traces = [
        go.Bar(
            orientation="h",
            x=[cells.get((n, label), 0) for n in names],
            y=plain(names),
            hovertemplate=f"%{{y}}<br>{label}<br>%{{x:,}} {chart.unit}<extra></extra>",
            **label_mark(label),
        )
        for label in _labels_in(cells)
    ]
    layout = bar_layout(names, chart.unit)
    layout |= {"barmode": "stack", "showlegend": True, "height": layout["height"] + 40}
    return _figure(traces, layout)


def timeline(chart: Chart, records: Sequence[Record]) -> Figure:
    """Bars over time, divided by label; records carry `width_s`, the width of a bar."""
    import plotly.graph_objects as go

    width_s = float(str(records[0]["width_s"]))
    cells = crosstab(records, chart.value, chart.rows, chart.series)
    moments = sorted({m for m, _ in cells}, key=int)
    traces = [
        go.Bar(
            x=[_clock(int(m)) for m in moments],
            y=[cells.get((m, label), 0) for m in moments],
            width=width_s * 1000,
            offset=0,
            hovertemplate=f"%{{x|%Y-%m-%d %H:%M:%S.%L}} UTC<br>{label}<br>%{{y:,}} {chart.unit}<extra></extra>",
            **label_mark(label),
        )
        for label in _labels_in(cells)
    ]
    layout = base_layout(300)
    layout |= {"barmode": "stack", "showlegend": True, "bargap": 0}
    layout["xaxis"] |= {"type": "date", "title": axis_title("time (UTC)"), "showgrid": False}
    layout["yaxis"] |= count_axis(f"{chart.unit} per {width_s:g} s")
    return _figure(traces, layout)


KINDS: dict[str, Callable[[Chart, Sequence[Record]], Figure]] = {
    "heatmap": heatmap,
    "bars": bars,
    "stacked": stacked,
    "timeline": timeline,
}


def _labels_in(cells: Cells) -> list[str]:
    return [label for label in LABEL_PATTERNS if any(key[1] == label for key in cells)]


def _clock(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _figure(traces: Sequence[object], layout: Figure) -> Figure:
    import plotly.graph_objects as go

    figure: Figure = go.Figure(data=traces, layout=layout).to_plotly_json()
    return figure
