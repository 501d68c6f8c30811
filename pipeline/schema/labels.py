"""Labels in order of precedence; the header of sql/connections/connections.sql, which decides them, declares them."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline import resources


@dataclass(frozen=True, slots=True)
class Label:
    """A label: CSS colour, plotly pattern (empty for a plain bar) and meaning."""

    colour: str
    pattern: str
    about: str


def _label(colour: str, pattern: str, about: str) -> Label:
    return Label(colour, "" if pattern == "solid" else pattern, about)


_LINES = resources.header((resources.folder("sql") / "connections" / "connections.sql").read_text(encoding="utf-8"))[
    "label"
]
DECLARED: dict[str, Label] = {name: _label(*rest) for name, *rest in (line.split(None, 3) for line in _LINES)}
LABELS: dict[str, str] = {name: label.about for name, label in DECLARED.items()}
