"""How every chart looks. Colours are names of CSS variables; the page puts in what they stand for in its theme."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from pipeline.report.crosstab import short_names
from pipeline.schema.labels import DECLARED

if TYPE_CHECKING:
    from collections.abc import Sequence

Figure = dict[str, Any]

PART_PATTERNS: dict[str, str] = {"nodes": "/", "rules": "x", "clients": "-", "chance": "."}
SERIES: dict[str, str] = {f"label-{name}": label.pattern for name, label in DECLARED.items()} | {
    f"part-{name}": shape for name, shape in PART_PATTERNS.items()
}
_AXIS: Figure = {
    "automargin": True,
    "fixedrange": True,
    "ticks": "",
    "ticklabeloverflow": "allow",
    "gridcolor": "var(--line)",
    "linecolor": "var(--line)",
    "title": {"font": {"size": 13, "color": "var(--quiet)"}, "standoff": 8},
}
COMMON_LAYOUT: Figure = {
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
    "xaxis": _AXIS,
    "yaxis": _AXIS,
}
_FORMATS = {"deviance": ",.1f", "share": ".1%"}


def number_format(unit: str) -> str:
    """How plotly writes values of a unit."""
    return _FORMATS.get(unit, ",")


def base_layout(height: int) -> Figure:
    """What is a chart's own of its layout; the page adds `COMMON_LAYOUT` to each."""
    return {"height": height, "xaxis": {}, "yaxis": {}}


def bar_layout(names: Sequence[str], unit: str) -> Figure:
    """The layout of one bar a name."""
    layout = base_layout(76 + 34 * len(names))
    layout["xaxis"] |= count_axis(unit)
    layout["yaxis"] |= name_axis(names) | {"autorange": "reversed"}
    return layout


def count_axis(title: str) -> Figure:
    """An axis of counts, from zero."""
    return {"title": axis_title(title), "rangemode": "tozero", "tickformat": ",~f"}


def name_axis(names: Sequence[str]) -> Figure:
    """An axis of names: none is read as a number or a date, and long ones are shown in short."""
    ticks = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": plain(short_names(names))}
    return {"type": "category", "zeroline": False, "showgrid": False, **ticks}


def time_axis() -> Figure:
    """A layout's axis of time, with fixed room for half a label: margins that follow labels may not settle."""
    axis = {"type": "date", "title": axis_title("time (UTC)"), "showgrid": False, "automargin": "height"}
    return {"xaxis": axis, "margin": {"l": 8, "r": 40, "t": 8, "b": 8}}


def axis_title(text: str) -> Figure:
    """The title of an axis."""
    return {"text": text}


def series_mark(family: str, name: str) -> Figure:
    """Name, colour and pattern of a trace that shows one label, or one part."""
    shape = SERIES[f"{family}-{name}"]
    pattern = {"shape": shape, "fillmode": "overlay", "fgcolor": "var(--paper)", "solidity": 0.2}
    line = {"color": "var(--paper)", "width": 0.5}
    return {
        "name": name,
        "marker": {"color": f"var(--{family}-{name})", "pattern": pattern | {"size": 7}, "line": line},
    }


def frame(column: int, row: int) -> Figure:
    """A frame round one cell of a heatmap."""
    line = {"color": "var(--frame)", "width": 2, "dash": "dot"}
    return {"type": "rect", "x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5, "line": line}


def line_at(moment: str) -> Figure:
    """A line through a chart over time at a moment."""
    line = {"color": "var(--frame)", "width": 2, "dash": "dash"}
    return {"type": "line", "x0": moment, "x1": moment, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def plain(names: Sequence[str]) -> list[str]:
    """Names as plotly shows them letter by letter: it reads a few HTML tags."""
    return [escape(name, quote=False) for name in names]
