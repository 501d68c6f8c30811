"""Draws: each kind of chart takes records and the names of their columns, and gives a plotly figure as plain data."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.report.chart_style import (
    SERIES,
    axis_title,
    bar_layout,
    base_layout,
    count_axis,
    frame,
    line_at,
    name_axis,
    number_format,
    plain,
    series_mark,
    time_axis,
)
from pipeline.report.crosstab import by_size, crosstab, number, sizes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.report.chart_style import Figure
    from pipeline.report.crosstab import Cells, Record

MOST = 20
MOST_GROUPS = 4
_MOST_NUMBERED_CELLS = 200
_FEW_WHOLE = 5  # counts up to here get no ticks between whole numbers
_REST = " other pods"  # many in one row, which the scale of colours leaves out
_DIGITS = {"deviance": 1}
_FOLDED: dict[str, tuple[str, ...]] = {"timeline": (), "strips": ("rows",)}


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw: `rows`, `columns`, `series`, `value` name columns; `each` names one to give a picture per value.

    `marks` names the list of moments to mark; bars `in_order` stand as the records do, not by size.
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
    marks: str = ""
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture: its name on the page, its title, what it leaves out, its value of `each`, and the figure."""

    name: str
    title: str
    left_out: str
    group: str
    figure: Figure


def draw(chart: Chart, records: Sequence[Record], name: str, marks: Sequence[Record] = ()) -> list[Drawing]:
    """The pictures of `chart`: one, or one for each of the first groups; none without records."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[str(record[chart.each]) if chart.each else ""].append(record)
    filled = [group for group, rows in groups.items() if any(number(r[chart.value]) for r in rows)]
    return [
        _marked(_drawing(chart, groups[group], f"{name}-{place}", group), marks)
        for place, group in enumerate(filled[:MOST_GROUPS], start=1)
    ]


def _marked(drawing: Drawing, marks: Sequence[Record]) -> Drawing:
    """With a dashed line wherever something of the drawing's service, or of no one's, began or ended to change."""
    own = [m for m in marks if not drawing.group or m["service"] in (drawing.group, None)]
    moments = sorted({int(str(m[edge])) for m in own for edge in ("first_us", "last_us")})[:MOST]
    if not moments:
        return drawing
    layout = drawing.figure["layout"]
    layout["shapes"] = [*layout.get("shapes", ()), *(line_at(_clock(us)) for us in moments)]
    return replace(drawing, title=f"{drawing.title}; dashed: when rules or pods changed")


def _drawing(chart: Chart, records: Sequence[Record], name: str, group: str) -> Drawing:
    left_out = []
    for column in _FOLDED.get(chart.kind, ("rows", "columns")):
        column = getattr(chart, column)
        sizes = sizes_of(records, chart.value, column) if column else {}
        if rest := set(by_size(sizes)[MOST:]):
            records = [r for r in records if str(r[column]) not in rest]
            of_rest = f"{sum(sizes[n] for n in rest):,.{_DIGITS.get(chart.unit, 0)}f}"
            left_out.append(f"{len(rest):,} others with {of_rest} {chart.unit} are not drawn")
    return Drawing(name, chart.title, "; ".join(left_out), group, KINDS[chart.kind](chart, records))


def heatmap(chart: Chart, records: Sequence[Record]) -> Figure:
    """Counts of two columns against each other; what was never seen together is 0."""
    import plotly.graph_objects as go

    cells, shown = crosstab(records, chart.value, chart.rows, chart.columns), number_format(chart.unit)
    down = by_size(sizes_of(records, chart.value, chart.rows))
    across = sorted({a for _, a in cells})
    on_both = set(down) & set(across)
    if on_both:
        down.sort()
    counts = [[round(cells.get((d, a), 0), 4) for a in across] for d in down]
    trace = go.Heatmap(
        z=counts,
        x=plain(across),
        y=plain(down),
        hovertemplate=f"%{{y}}<br>%{{x}}<br>%{{z:{shown}}} {chart.unit}<extra></extra>",
        texttemplate=f"%{{z:{shown}}}" if len(down) * len(across) <= _MOST_NUMBERED_CELLS else None,
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
    names = list(sizes) if chart.in_order else by_size(sizes)
    trace = go.Bar(
        orientation="h",
        x=[sizes[n] for n in names],
        y=plain(names),
        texttemplate="%{x:,}",
        textposition="auto",
        textangle=0,
        hovertemplate=f"%{{y}}<br>%{{x:,}} {chart.unit}<extra></extra>",
        marker={"color": "var(--bar)"},
        insidetextfont={"color": "var(--on-bar)"},
    )
    layout = bar_layout(names, chart.unit)
    if max(sizes.values()) <= _FEW_WHOLE:
        layout["xaxis"]["dtick"] = 1
    return _figure([trace], layout)


def stacked(chart: Chart, records: Sequence[Record]) -> Figure:
    """One bar per value of a column, divided by label or part."""
    import plotly.graph_objects as go

    cells = crosstab(records, chart.value, chart.rows, chart.series)
    names = by_size(sizes_of(records, chart.value, chart.rows))
    traces = [
        go.Bar(
            orientation="h",
            x=[cells.get((n, name), 0) for n in names],
            y=plain(names),
            hovertemplate=f"%{{y}}<br>{name}<br>%{{x:{number_format(chart.unit)}}} {chart.unit}<extra></extra>",
            **series_mark(chart.series, name),
        )
        for name in _series_in(chart, cells)
    ]
    layout = bar_layout(names, chart.unit)
    layout |= {"barmode": "stack", "showlegend": True, "height": layout["height"] + 40}
    return _figure(traces, layout)


def intervals(chart: Chart, records: Sequence[Record]) -> Figure:
    """One bar a place, a mark where its count should be, and a line over where chance leaves it."""
    import plotly.graph_objects as go

    ranked = sorted(records, key=lambda r: (-number(r[chart.value]), str(r[chart.rows])))
    names = [str(r[chart.rows]) for r in ranked]
    expected = [number(r["expected_choices"]) for r in ranked]
    low, high = ([number(r[c]) for r in ranked] for c in ("low_count", "high_count"))
    bar = bars(chart, ranked)
    mark = go.Scatter(
        mode="markers",
        x=[round(e, 2) for e in expected],
        y=plain(names),
        marker={"symbol": "line-ns", "size": 16, "line": {"width": 3, "color": "var(--frame)"}},
        error_x={
            "array": [max(0.0, round(h - e, 2)) for h, e in zip(high, expected, strict=True)],
            "arrayminus": [max(0.0, round(e - m, 2)) for m, e in zip(low, expected, strict=True)],
            "color": "var(--frame)",
            "thickness": 1.5,
            "width": 6,
        },
        customdata=list(zip(low, high, strict=True)),
        hovertemplate="%{y}<br>expected %{x:,.1f} (95 %: %{customdata[0]:,} to %{customdata[1]:,})<extra></extra>",
    )
    bar["data"][0] |= {"texttemplate": "", "textposition": "none", "opacity": 0.6}  # the line would cross it
    return _figure([*bar["data"], mark], bar["layout"])


def strips(chart: Chart, records: Sequence[Record]) -> Figure:
    """Counts of one column against time; records carry `width_s`, the width of a field."""
    import plotly.graph_objects as go

    width_us = round(float(str(records[0]["width_s"])) * 1e6)
    cells = crosstab(records, chart.value, chart.rows, chart.columns)
    names = sorted({name for name, _ in cells})
    moments = _moments((m for _, m in cells), width_us)
    counts = [[cells.get((name, str(m)), 0) for m in moments] for name in names]
    single = [row for name, row in zip(names, counts, strict=True) if not name.endswith(_REST)]
    trace = go.Heatmap(
        z=counts,
        x0=_clock(moments[0] + width_us // 2),
        dx=width_us // 1000,
        y=plain(names),
        hovertemplate=f"%{{y}}<br>%{{x|%H:%M:%S.%L}} UTC<br>%{{z:,}} {chart.unit}<extra></extra>",
        colorscale=[[0, "var(--heat-low)"], [1, "var(--heat-high)"]],
        zmin=0,
        zmax=max(map(max, single or counts)),
        showscale=False,
        ygap=2,
    )
    layout = base_layout(110 + 26 * max(2, len(names)))
    layout |= time_axis()
    layout["yaxis"] |= name_axis(names) | {"autorange": "reversed"}
    return _figure([trace], layout)


def timeline(chart: Chart, records: Sequence[Record]) -> Figure:
    """Bars over time, divided by label; records carry `width_s`, the width of a bar."""
    import plotly.graph_objects as go

    width_s = float(str(records[0]["width_s"]))
    cells = crosstab(records, chart.value, chart.rows, chart.series)
    width_us = round(width_s * 1e6)
    moments = _moments((m for m, _ in cells), width_us)
    traces = [
        go.Bar(
            x0=_clock(moments[0]),
            dx=width_us // 1000,
            y=[cells.get((str(m), label), 0) for m in moments],
            width=width_us // 1000,
            offset=0,
            hovertemplate=f"%{{x|%Y-%m-%d %H:%M:%S.%L}} UTC<br>{label}<br>%{{y:,}} {chart.unit}<extra></extra>",
            **series_mark(chart.series, label),
        )
        for label in _series_in(chart, cells)
    ]
    layout = base_layout(300)
    layout |= {"barmode": "stack", "showlegend": True, "bargap": 0}
    layout |= time_axis()
    layout["yaxis"] |= count_axis(f"{chart.unit} per {width_s:g} s")
    return _figure(traces, layout)


KINDS: dict[str, Callable[[Chart, Sequence[Record]], Figure]] = {
    "heatmap": heatmap,
    "bars": bars,
    "stacked": stacked,
    "timeline": timeline,
    "intervals": intervals,
    "strips": strips,
}


def _series_in(chart: Chart, cells: Cells) -> list[str]:
    names = [known.removeprefix(f"{chart.series}-") for known in SERIES if known.startswith(f"{chart.series}-")]
    return [name for name in names if any(key[1] == name for key in cells)]


def _moments(found: Iterable[str], width_us: int) -> range:
    times = [int(m) for m in found]
    return range(min(times), max(times) + 1, width_us)


def _clock(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _figure(traces: Sequence[object], layout: Figure) -> Figure:
    import plotly.graph_objects as go

    figure: Figure = go.Figure(data=traces, layout=layout | {"template": "none"}).to_plotly_json()
    del figure["layout"]["template"]
    return figure
