"""The report: one HTML file that answers, proves, and lets dig. Every section is a folder of reports/sections/."""

from __future__ import annotations

import base64
import hashlib
import json
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from pipeline import __version__, display, resources
from pipeline.report.chart_style import COMMON_LAYOUT
from pipeline.report.charts import Chart, draw
from pipeline.schema import DOUBTS, EVENTS, EVIDENCE, LABELS, PARTS, REASONS
from pipeline.schema.labels import DECLARED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jinja2 import Environment

    from pipeline.report.charts import Drawing
    from pipeline.report.crosstab import Record
    from pipeline.store.duckdb_engine import Connection

PLOTLY = "plotly-cartesian-{version}.min.js"
# Of a table: the first that keeps the page, without plotly.js, within MOST_BYTES.
MOST_ROWS = (50, 40, 30, 25, 20, 15, 10)
MOST_BYTES = 300_000
_MEANINGS = {
    "label": LABELS,
    "evidence": EVIDENCE,
    "reason": REASONS,
    "doubt": DOUBTS,
    "part": PARTS,
    "event": EVENTS,
}


@dataclass(frozen=True, slots=True)
class Section:
    """What a folder of reports/sections/ declares; `empty` is said instead where its query has no rows."""

    name: str
    anchor: str
    title: str
    empty: str
    help: str
    charts: tuple[Chart, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands above the sections: templates and lists of a folder of reports/, a title, the run to ask for more."""

    folder: str
    title: str
    run: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table: what is read, what is sorted and exported, and whether it is a number under 30."""

    text: str
    raw: str
    is_number: bool
    is_few: bool

    @property
    def needs_raw(self) -> bool:
        """Whether the raw value has to be beside the text: a count without commas is one."""
        return self.is_few or self.raw != (self.text.replace(",", "") if self.is_number else self.text)


@dataclass(frozen=True, slots=True)
class Page:
    """A section filled with a run's rows."""

    section: Section
    words: str
    pictures: dict[str, list[Drawing]]
    columns: tuple[tuple[str, str, bool], ...]
    rows: tuple[tuple[Cell, ...], ...]
    unfilled: tuple[str, ...]
    row_count: int

    @property
    def glossary(self) -> list[tuple[str, str]]:
        """The fixed words in the table, with their meaning."""
        columns = [(place, _MEANINGS[name]) for place, (name, *_) in enumerate(self.columns) if name in _MEANINGS]
        found = {place: {row[place].raw for row in self.rows} for place, _ in columns}
        return [(word, about) for place, words in columns for word, about in words.items() if word in found[place]]

    @property
    def has_few(self) -> bool:
        """Whether a mark in the table needs its note."""
        return any(cell.is_few for row in self.rows for cell in row)


def write_report(con: Connection, run: str, out: Path) -> None:
    """Write the report of `run`; `con` shows the tables of that run only."""
    _write(con, Cover("summary", run, run), sections(), out)


def write_data(con: Connection, folder: Path) -> None:
    """Write what each section's query gives, whole, as Parquet and CSV: `<anchor>.parquet`, `<anchor>.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    for section in sections():
        rows = con.sql(section.sql)
        rows.write_parquet(str(folder / f"{section.anchor}.parquet"))
        rows.write_csv(str(folder / f"{section.anchor}.csv"))


def write_comparison(con: Connection, first: str, second: str, out: Path) -> None:
    """Write the report of what changed from one run to another; `con` shows the table `differences`."""
    _write(con, Cover("comparison", f"{first} and {second}", ""), sections("comparison/sections"), out)


def _write(con: Connection, cover: Cover, chapters: list[Section], out: Path) -> None:
    env = _environment()
    facts = _facts(con, cover.folder)
    pages = [_page(con, env, section, facts) for section in chapters]
    known = {"cover": cover, "run": cover.title, **facts, **_assets(pages)}
    limit = MOST_BYTES + len(str(known["library"]).encode())
    for most in MOST_ROWS:
        shown = [replace(page, rows=page.rows[:most]) for page in pages]
        html = env.get_template("page.html.j2").render(pages=shown, **known)
        if len(html.encode()) <= limit:
            break
    out.write_text(html, encoding="utf-8", newline="\n")


def summary(con: Connection) -> str:
    """The first box of the report as text for the terminal."""
    text = _environment().get_template("summary/terminal.txt.j2").render(**_facts(con, "summary"))
    return plain_text(text)


def comparison(con: Connection, first: str, second: str) -> str:
    """The first box of a comparison as text for the terminal."""
    template = _environment().get_template("comparison/terminal.txt.j2")
    return plain_text(template.render(first=first, second=second, **_facts(con, "comparison")))


def plain_text(text: str) -> str:
    """What a terminal may be given."""
    return "".join(c for c in text.replace("\u202f", " ").replace("\u00a0", " ") if c.isprintable() or c == "\n")


def sections(folder: str = "sections") -> list[Section]:
    """Every section of a folder of reports/, in the order of its folder's name."""
    return [_section(path.parent, folder) for path in sorted((resources.folder("reports") / folder).glob("*/*.toml"))]


def _section(folder: Path, parent: str) -> Section:
    declared = tomllib.loads((folder / "section.toml").read_text(encoding="utf-8"))
    charts = tuple(Chart(**chart) for chart in declared.pop("chart", []))
    return Section(
        f"{parent}/{folder.name}", charts=charts, sql=(folder / "query.sql").read_text(encoding="utf-8"), **declared
    )


def _page(con: Connection, env: Environment, section: Section, facts: Mapping[str, list[Record]]) -> Page:
    result = con.execute(section.sql)
    kinds = {name: str(kind) for name, kind, *_ in result.description or ()}
    records: list[Record] = [dict(zip(kinds, row, strict=True)) for row in result.fetchall()]
    titles = _column_titles()
    filled = [c for c in kinds if any(record[c] is not None for record in records)]
    unknown = {c: titles[c].get("none", "unknown") for c, kind in kinds.items() if kind == "VARCHAR"}
    named = [record | {c: word for c, word in unknown.items() if record[c] is None} for record in records]
    words = env.get_template(f"{section.name}/words.html.j2").render(rows=records, **facts) if records else ""
    return Page(
        section,
        words,
        _pictures(section, named, facts),
        tuple((c, titles[c]["title"], _is_number(kinds[c])) for c in filled),
        tuple(tuple(_cell(titles[c], kinds[c], c, r[c]) for c in filled) for r in records[: MOST_ROWS[0]]),
        tuple(titles[c]["title"] for c in kinds if c not in filled),
        len(records),
    )


def _pictures(section: Section, records: list[Record], facts: Mapping[str, list[Record]]) -> dict[str, list[Drawing]]:
    """The section's drawings by the group they are of, the charts of one group side by side."""
    pictures: dict[str, list[Drawing]] = {}
    for number, chart in enumerate(section.charts, start=1):
        for drawing in draw(chart, records, f"{section.anchor}-{number}", facts.get(chart.marks, ())):
            pictures.setdefault(drawing.group, []).append(drawing)
    return pictures


def _cell(words: Mapping[str, str], kind: str, column: str, value: object) -> Cell:
    raw = display.raw(value)
    text = words.get("none", "–") if value is None else display.shown(column, value)
    is_few = column == "connection_count" and value is not None and int(raw) < display.FEW
    return Cell(text, raw, _is_number(kind), is_few)


def _is_number(kind: str) -> bool:
    return kind not in ("VARCHAR", "BOOLEAN")


@cache
def _column_titles() -> dict[str, dict[str, str]]:
    return tomllib.loads((resources.folder("reports") / "columns.toml").read_text(encoding="utf-8"))


def _facts(con: Connection, folder: str) -> dict[str, list[Record]]:
    """The answers to a folder's queries, by name: every template may speak of them."""
    paths = sorted((resources.folder("reports") / folder).glob("*.sql"))
    return {path.stem: con.sql(path.read_text(encoding="utf-8")).to_dicts() for path in paths}


@cache
def _environment() -> Environment:
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
    env.filters |= {
        name: getattr(display, name)
        for name in (
            "code",
            "count",
            "fine_moment",
            "moment",
            "oneline",
            "p_short",
            "p_words",
            "percent",
            "seconds",
            "sentence",
        )
    }
    env.globals |= {
        "share_of": display.share_of,
        "between": display.between,
        "bounds": display.bounds,
        "few": display.FEW,
        "meanings": _MEANINGS,
        "versions": _versions(),
    }
    return env


def _versions() -> dict[str, str]:
    import duckdb
    import plotly
    from plotly.offline import get_plotlyjs_version

    return {
        "hopscope": __version__,
        "DuckDB": duckdb.__version__,
        "plotly": plotly.__version__,
        "plotly.js": get_plotlyjs_version(),
    }


def _assets(pages: list[Page]) -> dict[str, object]:
    """Style and scripts, and the policy that lets the browser run these and nothing else."""
    folder = resources.folder("reports") / "assets"
    library = PLOTLY.format(version=_versions()["plotly.js"])
    style, library, script = ((folder / name).read_text(encoding="utf-8") for name in ("style.css", library, "page.js"))
    style += f":root {{ {' '.join(f'--label-{name}: {label.colour};' for name, label in DECLARED.items())} }}\n"
    figures = {d.name: d.figure for page in pages for drawings in page.pictures.values() for d in drawings}
    # plotly.js opens an empty style element and fills it rule by rule: the hash of nothing lets it.
    policy = (
        f"default-src 'none'; script-src {_hash(library)} {_hash(script)}; style-src {_hash(style)} {_hash('')}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return {
        "style": style,
        "library": library,
        "script": script,
        "policy": policy,
        "figures": json.dumps(
            {"layout": COMMON_LAYOUT, "figures": figures}, ensure_ascii=False, separators=(",", ":")
        ).replace("<", "\\u003c"),
    }


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
