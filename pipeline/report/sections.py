"""Sections of the report, each a folder of reports/, and the headings of table columns."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pipeline import resources
from pipeline.report.chart_declaration import Chart

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Section:
    """The declaration of a section; the page shows the text `empty` if its query has no rows."""

    name: str
    anchor: str
    title: str
    empty: str
    help: str
    charts: tuple[Chart, ...]
    sql: str


def sections(folder: str = "sections") -> list[Section]:
    """Return every section of a folder of reports/, in the order of the folders' names."""
    return [
        _read_section(path.parent, folder) for path in sorted((resources.folder("reports") / folder).glob("*/*.toml"))
    ]


def _read_section(folder: Path, parent: str) -> Section:
    declared = tomllib.loads((folder / "section.toml").read_text(encoding="utf-8"))
    charts = tuple(Chart(**chart) for chart in declared.pop("chart", []))
    sql = (folder / "query.sql").read_text(encoding="utf-8")
    return Section(f"{parent}/{folder.name}", charts=charts, sql=sql, **declared)


@cache
def column_titles() -> dict[str, dict[str, str]]:
    """Return by column its heading, `title`, and the text for NULL, `none`."""
    return tomllib.loads((resources.folder("reports") / "columns.toml").read_text(encoding="utf-8"))
