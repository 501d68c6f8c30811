"""The Jinja environment of reports/: its filters, and the values that every template can use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pipeline import __version__, display, resources
from pipeline.schema import DOUBTS, EVENTS, EVIDENCE, LABELS, PARTS, REASONS

if TYPE_CHECKING:
    from jinja2 import Environment

# The meaning of each enum value, by column.
MEANINGS = {
    "label": LABELS,
    "evidence": EVIDENCE,
    "reason": REASONS,
    "doubt": DOUBTS,
    "part": PARTS,
    "event": EVENTS,
}
_FILTERS = (
    display.code,
    display.count,
    display.fine_moment,
    display.moment,
    display.oneline,
    display.p_short,
    display.p_words,
    display.percent,
    display.seconds,
    display.sentence,
)


@cache
def environment() -> Environment:
    """Return the environment that loads templates from reports/."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    env = Environment(
        loader=FileSystemLoader(resources.folder("reports")),
        autoescape=select_autoescape(("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        lstrip_blocks=True,
        optimized=False,  # every template is compiled for one page
    )
    env.filters |= {function.__name__: function for function in _FILTERS}
    env.globals |= {
        "share_of": display.share_of,
        "between": display.between,
        "bounds": display.bounds,
        "few": display.FEW,
        "meanings": MEANINGS,
        "versions": versions(),
    }
    return env


def versions() -> dict[str, str]:
    """Return the version of hopscope and of each library that shapes the report, by name."""
    import duckdb
    import plotly
    from plotly.offline import get_plotlyjs_version

    return {
        "hopscope": __version__,
        "DuckDB": duckdb.__version__,
        "plotly": plotly.__version__,
        "plotly.js": get_plotlyjs_version(),
    }
