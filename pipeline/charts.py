"""Draws: each kind of chart takes records and the names of their columns, and gives a plotly figure as plain data.

Colours are names of CSS variables; the page puts in what they stand for in the reader's theme.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from pipeline.crosstab import by_size, crosstab, largest, number, short_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.crosstab import Cells, Record

Figure = dict[str, Any]

LABEL_PATTERNS: dict[str, str] = {
    "affinity-pinned": "x",
    "snat-forwarded": "/",
    "direct": "",
    "forwarded": "\\",
    "pod-to-pod": "-",
    "dropped": "+",
    "other": ".",
    "unlabelled": "|",
}
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
    """One picture: its name on the page, its title, the value of `each` it is of, and the figure."""

    name: str
    title: str
    group: str
    figure: Figure


def draw(chart: Chart, records: Sequence[Record], name: str) -> list[Drawing]:
    """The pictures of `chart`: one, or one for each of the largest groups; none without records."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[str(record[chart.each]) if chart.each else ""].append(record)
    sizes = {group: sum(number(r[chart.value]) for r in rows) for group, rows in groups.items()}
    return [
        Drawing(f"{name}-{place}", chart.title, group, KINDS[chart.kind](chart, groups[group]))
        for place, group in enumerate(largest(sizes), start=1)
    ]


def heatmap(chart: Chart, records: Sequence[Record]) -> Figure:
    """Counts of two columns against each other; what was never seen together is 0."""
    import plotly.graph_objects as go

    cells = crosstab(records, chart.value, chart.rows, chart.columns)
    down, across = by_size(cells, 0), sorted(by_size(cells, 1))
    on_both = set(down) & set(across)
    if on_both:
        down.sort()
    counts = [[cells.get((d, a), 0) for a in across] for d in down]
    trace = go.Heatmap(
        z=counts,
        x=_plain_all(across),
        y=_plain_all(down),
        hovertemplate="%{y}<br>%{x}<br>%{z:,}" + _of(sum(cells.values()), chart),
        texttemplate="%{z:,}" if len(down) * len(across) <= _MOST_NUMBERED_CELLS else None,
        colorscale=[[0, "var(--heat-low)"], [1, "var(--heat-high)"]],
        zmin=0,
        zmax=max(map(max, counts)),
        showscale=False,
        xgap=2,
        ygap=2,
    )
    layout = _layout(120 + 34 * len(down))
    layout["xaxis"] |= _names(across) | {"title": _title(chart.across), "showgrid": False}
    layout["yaxis"] |= _names(down) | {"autorange": "reversed", "showgrid": False}
    layout["shapes"] = [_outline(across.index(name), down.index(name)) for name in across if name in on_both]
    return _figure([trace], layout)


def bars(chart: Chart, records: Sequence[Record]) -> Figure:
    """One bar per value of a column, the longest on top."""
    import plotly.graph_objects as go

    cells = crosstab(records, chart.value, chart.rows)
    names = by_size(cells, 0)
    trace = go.Bar(
        orientation="h",
        x=[cells[n, ""] for n in names],
        y=_plain_all(names),
        texttemplate="%{x:,}",
        textposition="auto",
        hovertemplate="%{y}<br>%{x:,}" + _of(sum(cells.values()), chart),
        marker={"color": "var(--bar)"},
        insidetextfont={"color": "var(--on-bar)"},
    )
    return _figure([trace], _bar_layout(chart, names))


def stacked(chart: Chart, records: Sequence[Record]) -> Figure:
    """One bar per value of a column, divided by label."""
    import plotly.graph_objects as go

    cells = crosstab(records, chart.value, chart.rows, chart.series)
    names = by_size(cells, 0)
    hover = f"%{{y}}<br>%{{fullData.name}}<br>%{{x:,}} {chart.unit}<extra></extra>"
    traces = [
        go.Bar(
            orientation="h",
            x=[cells.get((n, label), 0) for n in names],
            y=_plain_all(names),
            hovertemplate=hover,
            **_of_label(label),
        )
        for label in _labels_in(cells)
    ]
    layout = _bar_layout(chart, names)
    layout |= {"barmode": "stack", "showlegend": True, "height": layout["height"] + 40}
    return _figure(traces, layout)


def timeline(chart: Chart, records: Sequence[Record]) -> Figure:
    """Bars over time, divided by label; records carry `width_s`, the width of a bar."""
    import plotly.graph_objects as go

    width_s = float(str(records[0]["width_s"]))
    cells = crosstab(records, chart.value, chart.rows, chart.series, fold=False)
    moments = sorted({m for m, _ in cells}, key=int)
    hover = f"%{{x|%Y-%m-%d %H:%M:%S.%L}} UTC<br>%{{fullData.name}}<br>%{{y:,}} {chart.unit}<extra></extra>"
    traces = [
        go.Bar(
            x=[_clock(int(m)) for m in moments],
            y=[cells.get((m, label), 0) for m in moments],
            width=width_s * 1000,
            offset=0,
            hovertemplate=hover,
            **_of_label(label),
        )
        for label in _labels_in(cells)
    ]
    layout = _layout(300)
    layout |= {"barmode": "stack", "showlegend": True, "bargap": 0}
    layout["xaxis"] |= {"type": "date", "title": _title("time (UTC)"), "showgrid": False}
    layout["yaxis"] |= {"title": _title(f"{chart.unit} per {width_s:g} s"), "rangemode": "tozero"}
    return _figure(traces, layout)


KINDS: dict[str, Callable[[Chart, Sequence[Record]], Figure]] = {
    "heatmap": heatmap,
    "bars": bars,
    "stacked": stacked,
    "timeline": timeline,
}


def _labels_in(cells: Cells) -> list[str]:
    return [label for label in LABEL_PATTERNS if any(key[1] == label for key in cells)]


def _of_label(label: str) -> Figure:
    pattern = {
        "shape": LABEL_PATTERNS[label],
        "fillmode": "overlay",
        "fgcolor": "var(--paper)",
        "size": 7,
        "solidity": 0.2,
    }
    marker = {"color": f"var(--label-{label})", "pattern": pattern, "line": {"color": "var(--paper)", "width": 0.5}}
    return {"name": label, "marker": marker}


def _plain(text: str) -> str:
    """`text` as plotly shows it letter by letter: it reads a few HTML tags."""
    return escape(text, quote=False)


def _plain_all(names: Sequence[str]) -> list[str]:
    return [_plain(name) for name in names]


def _of(total: int, chart: Chart) -> str:
    return f" of {total:,} {chart.unit}<extra></extra>"


def _title(text: str) -> Figure:
    return {"text": _plain(text), "font": {"size": 13, "color": "var(--quiet)"}, "standoff": 8}


def _outline(x: int, y: int) -> Figure:
    """A frame round a cell whose row and column have one name."""
    line = {"color": "var(--frame)", "width": 2, "dash": "dot"}
    return {"type": "rect", "x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5, "line": line}


def _clock(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _names(names: Sequence[str]) -> Figure:
    """An axis of names: none is read as a number or a date, and long ones are shown in short."""
    ticks = {"tickmode": "array", "tickvals": _plain_all(names), "ticktext": _plain_all(short_names(names))}
    return {"type": "category", "zeroline": False, **ticks}


def _bar_layout(chart: Chart, names: Sequence[str]) -> Figure:
    layout = _layout(76 + 34 * len(names))
    layout["xaxis"] |= {"title": _title(chart.unit), "rangemode": "tozero"}
    layout["yaxis"] |= _names(names) | {"autorange": "reversed", "showgrid": False}
    return layout


def _layout(height: int) -> Figure:
    axis: Figure = {
        "automargin": True,
        "fixedrange": True,
        "ticks": "",
        "ticklabeloverflow": "allow",
        "gridcolor": "var(--line)",
        "linecolor": "var(--line)",
    }
    return {
        "template": "none",
        "height": height,
        "minreducedheight": 20,
        "minreducedwidth": 20,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "var(--ink)"},
        "hoverlabel": {"bgcolor": "var(--paper)", "bordercolor": "var(--line)", "font": {"color": "var(--ink)"}},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        "showlegend": False,
        "dragmode": False,
        "bargap": 0.3,
        "xaxis": dict(axis),
        "yaxis": dict(axis),
    }


def _figure(traces: Sequence[object], layout: Figure) -> Figure:
    import plotly.graph_objects as go

    figure: Figure = go.Figure(data=traces, layout=layout).to_plotly_json()
    return figure
