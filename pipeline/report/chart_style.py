"""The style of all charts. Colours are names of CSS variables; the page's script inserts the colours of its theme."""

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
    """Return the plotly format for values of a unit."""
    return _FORMATS.get(unit, ",")


def base_layout(height: int) -> Figure:
    """Return the part of a layout that differs by chart; the page adds `COMMON_LAYOUT` to it. `height` is in pixels."""
    return {"height": height, "xaxis": {}, "yaxis": {}}


def bar_layout(names: Sequence[str], unit: str) -> Figure:
    """Return the layout of one horizontal bar per name."""
    layout = base_layout(76 + 34 * len(names))
    layout["xaxis"] |= count_axis(unit)
    layout["yaxis"] |= name_axis(names) | {"autorange": "reversed"}
    return layout


def count_axis(title: str) -> Figure:
    """Return an axis of counts, from zero."""
    return {"title": axis_title(title), "rangemode": "tozero", "tickformat": ",~f"}


def name_axis(names: Sequence[str]) -> Figure:
    """Return an axis of names, with short forms of long ones; plotly must not read a name as a number or a date."""
    ticks = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": escape_all(short_names(names))}
    return {"type": "category", "zeroline": False, "showgrid": False, **ticks}


def time_axis() -> Figure:
    """Return a time axis with fixed margins: automatic margins and tick labels may change each other endlessly."""
    axis = {"type": "date", "title": axis_title("time (UTC)"), "showgrid": False, "automargin": "height"}
    return {"xaxis": axis, "margin": {"l": 8, "r": 40, "t": 8, "b": 8}}


def axis_title(text: str) -> Figure:
    """Return the title of an axis."""
    return {"text": text}


def series_style(family: str, name: str) -> Figure:
    """Return name, colour and pattern of a trace of one label or one part."""
    shape = SERIES[f"{family}-{name}"]
    pattern = {"shape": shape, "fillmode": "overlay", "fgcolor": "var(--paper)", "solidity": 0.2}
    line = {"color": "var(--paper)", "width": 0.5}
    return {
        "name": name,
        "marker": {"color": f"var(--{family}-{name})", "pattern": pattern | {"size": 7}, "line": line},
    }


def frame(column: int, row: int) -> Figure:
    """Return a frame around one cell of a heatmap."""
    line = {"color": "var(--frame)", "width": 2, "dash": "dot"}
    return {"type": "rect", "x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5, "line": line}


def vertical_line(time: str) -> Figure:
    """Return a dashed line across a chart at a time."""
    line = {"color": "var(--frame)", "width": 2, "dash": "dash"}
    return {"type": "line", "x0": time, "x1": time, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def escape_all(names: Sequence[str]) -> list[str]:
    """Return names with HTML escaped, because plotly interprets a few tags in texts."""
    return [escape(name, quote=False) for name in names]
