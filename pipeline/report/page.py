"""The report: one HTML file with a summary and sections; each section is a folder of reports/sections/."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline import display, resources
from pipeline.report.assets import assets
from pipeline.report.charts import draw
from pipeline.report.sections import column_titles, sections
from pipeline.report.templates import MEANINGS, environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jinja2 import Environment

    from pipeline.report.charts import Drawing
    from pipeline.report.crosstab import Record
    from pipeline.report.sections import Section
    from pipeline.store.duckdb_engine import Connection

# Row limits of the tables: the page uses the first one that keeps it, without plotly.js, within MOST_BYTES.
MOST_ROWS = (50, 40, 30, 25, 20, 15, 10)
MOST_BYTES = 300_000


@dataclass(frozen=True, slots=True)
class Cover:
    """The part above the sections: a folder of reports/ with templates and queries, a title, the run for `--run`."""

    folder: str
    title: str
    run: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table: the shown text, the value to sort and export, and whether it is a count below 30."""

    text: str
    raw: str
    is_number: bool
    is_few: bool

    @property
    def needs_raw(self) -> bool:
        """Whether the page stores the raw value too: it does not follow from the text."""
        return self.is_few or self.raw != (self.text.replace(",", "") if self.is_number else self.text)


@dataclass(frozen=True, slots=True)
class Page:
    """A section with the rows of a run; `unfilled` are the titles of columns without any value."""

    section: Section
    words: str
    pictures: dict[str, list[Drawing]]
    columns: tuple[tuple[str, str, bool], ...]
    rows: tuple[tuple[Cell, ...], ...]
    unfilled: tuple[str, ...]
    row_count: int

    @property
    def glossary(self) -> list[tuple[str, str]]:
        """The enum values in the table, each with its meaning."""
        meanings = [(place, MEANINGS[name]) for place, (name, *_) in enumerate(self.columns) if name in MEANINGS]
        values = {place: {row[place].raw for row in self.rows} for place, _ in meanings}
        return [(word, about) for place, words in meanings for word, about in words.items() if word in values[place]]

    @property
    def has_few(self) -> bool:
        """Whether the table needs the note on small counts."""
        return any(cell.is_few for row in self.rows for cell in row)


def write_report(con: Connection, run: str, out: Path) -> None:
    """Write the report of `run`; `con` shows the tables of that run only."""
    _write_page(con, Cover("summary", run, run), sections(), out)


def write_comparison(con: Connection, first: str, second: str, out: Path) -> None:
    """Write the report of the changes between two runs; `con` has the table `differences`."""
    _write_page(con, Cover("comparison", f"{first} and {second}", ""), sections("comparison/sections"), out)


def write_data(con: Connection, folder: Path) -> None:
    """Write all rows of each section's query as Parquet and CSV: `<anchor>.parquet`, `<anchor>.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    for section in sections():
        rows = con.sql(section.sql)
        rows.write_parquet(str(folder / f"{section.anchor}.parquet"))
        rows.write_csv(str(folder / f"{section.anchor}.csv"))


def summary(con: Connection) -> str:
    """Return the summary of a run as text for the terminal."""
    text = environment().get_template("summary/terminal.txt.j2").render(**_query_facts(con, "summary"))
    return display.plain_text(text)


def comparison(con: Connection, first: str, second: str) -> str:
    """Return the summary of a comparison as text for the terminal."""
    template = environment().get_template("comparison/terminal.txt.j2")
    return display.plain_text(template.render(first=first, second=second, **_query_facts(con, "comparison")))


def _write_page(con: Connection, cover: Cover, chapters: list[Section], out: Path) -> None:
    env = environment()
    facts = _query_facts(con, cover.folder)
    pages = [_fill_section(con, env, section, facts) for section in chapters]
    parts = assets({d.name: d.figure for page in pages for drawings in page.pictures.values() for d in drawings})
    limit = MOST_BYTES + len(parts["library"].encode())
    for row_limit in MOST_ROWS:
        shortened = [replace(page, rows=page.rows[:row_limit]) for page in pages]
        html = env.get_template("page.html.j2").render(pages=shortened, cover=cover, run=cover.title, **facts, **parts)
        if len(html.encode()) <= limit:
            break
    out.write_text(html, encoding="utf-8", newline="\n")


def _query_facts(con: Connection, folder: str) -> dict[str, list[Record]]:
    """Return the rows of each query of a folder, by the query's name; every template can use them."""
    paths = sorted((resources.folder("reports") / folder).glob("*.sql"))
    return {path.stem: con.sql(path.read_text(encoding="utf-8")).to_dicts() for path in paths}


def _fill_section(con: Connection, env: Environment, section: Section, facts: Mapping[str, list[Record]]) -> Page:
    result = con.execute(section.sql)
    types = {name: str(sql_type) for name, sql_type, *_ in result.description or ()}
    records: list[Record] = [dict(zip(types, row, strict=True)) for row in result.fetchall()]
    titles = column_titles()
    filled = [c for c in types if any(record[c] is not None for record in records)]
    null_texts = {c: titles[c].get("none", "unknown") for c, sql_type in types.items() if sql_type == "VARCHAR"}
    named = [record | {c: text for c, text in null_texts.items() if record[c] is None} for record in records]
    words = env.get_template(f"{section.name}/words.html.j2").render(rows=records, **facts) if records else ""
    return Page(
        section,
        words,
        _draw_charts(section, named, facts),
        tuple((c, titles[c]["title"], _is_number(types[c])) for c in filled),
        tuple(tuple(_cell(titles[c], types[c], c, r[c]) for c in filled) for r in records[: MOST_ROWS[0]]),
        tuple(titles[c]["title"] for c in types if c not in filled),
        len(records),
    )


def _draw_charts(
    section: Section, records: list[Record], facts: Mapping[str, list[Record]]
) -> dict[str, list[Drawing]]:
    """Return the section's drawings by group; the page shows the charts of one group side by side."""
    pictures: dict[str, list[Drawing]] = {}
    for number, chart in enumerate(section.charts, start=1):
        for drawing in draw(chart, records, f"{section.anchor}-{number}", facts.get(chart.markers, ())):
            pictures.setdefault(drawing.group, []).append(drawing)
    return pictures


def _cell(title: Mapping[str, str], sql_type: str, column: str, value: object) -> Cell:
    raw = display.raw(value)
    text = title.get("none", "–") if value is None else display.shown(column, value)
    is_few = column == "connection_count" and value is not None and int(raw) < display.FEW
    return Cell(text, raw, _is_number(sql_type), is_few)


def _is_number(sql_type: str) -> bool:
    return sql_type not in ("VARCHAR", "BOOLEAN")
