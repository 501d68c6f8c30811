"""The chart kinds: each takes records and the names of their columns, and returns a plotly figure as plain data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.report.chart_style import (
    SERIES,
    axis_title,
    bar_layout,
    base_layout,
    count_axis,
    escape_all,
    frame,
    name_axis,
    number_format,
    series_style,
    time_axis,
)
from pipeline.report.crosstab import by_size, crosstab, number, sum_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.report.chart_declaration import Chart
    from pipeline.report.chart_style import Figure
    from pipeline.report.crosstab import Cells, Record

_MOST_NUMBERED_CELLS = 200
_FEW_WHOLE = 5  # counts up to here get no ticks between whole numbers
_OTHERS = " other pods"  # one row for many pods, which does not count for the colour scale


def heatmap(chart: Chart, records: Sequence[Record]) -> Figure:
    """Counts by two columns; a pair of values without records is 0."""
    import plotly.graph_objects as go

    cells = crosstab(records, chart.value, chart.rows, chart.columns)
    number_form = number_format(chart.unit)
    down = by_size(sum_by(records, chart.value, chart.rows))
    across = sorted({a for _, a in cells})
    on_both = set(down) & set(across)
    if on_both:
        down.sort()
    counts = [[round(cells.get((d, a), 0), 4) for a in across] for d in down]
    trace = go.Heatmap(
        z=counts,
        x=escape_all(across),
        y=escape_all(down),
        hovertemplate=f"%{{y}}<br>%{{x}}<br>%{{z:{number_form}}} {chart.unit}<extra></extra>",
        texttemplate=f"%{{z:{number_form}}}" if len(down) * len(across) <= _MOST_NUMBERED_CELLS else None,
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
    """One bar per value of a column, the longest at the top."""
    import plotly.graph_objects as go

    sizes = sum_by(records, chart.value, chart.rows)
    names = list(sizes) if chart.in_order else by_size(sizes)
    trace = go.Bar(
        orientation="h",
        x=[sizes[n] for n in names],
        y=escape_all(names),
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
    names = by_size(sum_by(records, chart.value, chart.rows))
    traces = [
        go.Bar(
            orientation="h",
            x=[cells.get((n, name), 0) for n in names],
            y=escape_all(names),
            hovertemplate=f"%{{y}}<br>{name}<br>%{{x:{number_format(chart.unit)}}} {chart.unit}<extra></extra>",
            **series_style(chart.series, name),
        )
        for name in _series_in(chart, cells)
    ]
    layout = bar_layout(names, chart.unit)
    layout |= {"barmode": "stack", "showlegend": True, "height": layout["height"] + 40}
    return _figure(traces, layout)


def intervals(chart: Chart, records: Sequence[Record]) -> Figure:
    """One bar per row, with a tick at the expected count and a line over the 95 % interval."""
    import plotly.graph_objects as go

    sorted_records = sorted(records, key=lambda r: (-number(r[chart.value]), str(r[chart.rows])))
    names = [str(r[chart.rows]) for r in sorted_records]
    expected = [number(r["expected_choices"]) for r in sorted_records]
    low, high = ([number(r[c]) for r in sorted_records] for c in ("low_count", "high_count"))
    bar = bars(chart, sorted_records)
    tick = go.Scatter(
        mode="markers",
        x=[round(e, 2) for e in expected],
        y=escape_all(names),
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
    bar["data"][0] |= {"texttemplate": "", "textposition": "none", "opacity": 0.6}  # the line would cross the number
    return _figure([*bar["data"], tick], bar["layout"])


def strips(chart: Chart, records: Sequence[Record]) -> Figure:
    """Counts of one column over time; records have `width_s`, the width of a time bucket in seconds."""
    import plotly.graph_objects as go

    width_us = round(float(str(records[0]["width_s"])) * 1e6)
    cells = crosstab(records, chart.value, chart.rows, chart.columns)
    names = sorted({name for name, _ in cells})
    starts = _bucket_starts((m for _, m in cells), width_us)
    counts = [[cells.get((name, str(m)), 0) for m in starts] for name in names]
    single_pods = [row for name, row in zip(names, counts, strict=True) if not name.endswith(_OTHERS)]
    trace = go.Heatmap(
        z=counts,
        x0=time_text(starts[0] + width_us // 2),
        dx=width_us // 1000,
        y=escape_all(names),
        hovertemplate=f"%{{y}}<br>%{{x|%H:%M:%S.%L}} UTC<br>%{{z:,}} {chart.unit}<extra></extra>",
        colorscale=[[0, "var(--heat-low)"], [1, "var(--heat-high)"]],
        zmin=0,
        zmax=max(map(max, single_pods or counts)),
        showscale=False,
        ygap=2,
    )
    layout = base_layout(110 + 26 * max(2, len(names)))
    layout |= time_axis()
    layout["yaxis"] |= name_axis(names) | {"autorange": "reversed"}
    return _figure([trace], layout)


def timeline(chart: Chart, records: Sequence[Record]) -> Figure:
    """Bars over time, divided by label; records have `width_s`, the width of a time bucket in seconds."""
    import plotly.graph_objects as go

    width_s = float(str(records[0]["width_s"]))
    cells = crosstab(records, chart.value, chart.rows, chart.series)
    width_us = round(width_s * 1e6)
    starts = _bucket_starts((m for m, _ in cells), width_us)
    traces = [
        go.Bar(
            x0=time_text(starts[0]),
            dx=width_us // 1000,
            y=[cells.get((str(m), label), 0) for m in starts],
            width=width_us // 1000,
            offset=0,
            hovertemplate=f"%{{x|%Y-%m-%d %H:%M:%S.%L}} UTC<br>{label}<br>%{{y:,}} {chart.unit}<extra></extra>",
            **series_style(chart.series, label),
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
    prefix = f"{chart.series}-"
    names = [key.removeprefix(prefix) for key in SERIES if key.startswith(prefix)]
    return [name for name in names if any(key[1] == name for key in cells)]


def _bucket_starts(values: Iterable[str], width_us: int) -> range:
    times = [int(value) for value in values]
    return range(min(times), max(times) + 1, width_us)


def time_text(us: int) -> str:
    """Return a time in UTC as plotly reads it, with milliseconds, from microseconds since 1970."""
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _figure(traces: Sequence[object], layout: Figure) -> Figure:
    import plotly.graph_objects as go

    figure: Figure = go.Figure(data=traces, layout=layout | {"template": "none"}).to_plotly_json()
    del figure["layout"]["template"]
    return figure
