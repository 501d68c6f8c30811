"""The report's file: what it holds, what it must not hold, and that its numbers are those of its SQL."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import random
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
import sqlglot
from sqlglot import exp

from pipeline import resources
from pipeline.display import raw
from pipeline.report.chart_style import PART_PATTERNS
from pipeline.report.charts import KINDS, MOST, MOST_GROUPS
from pipeline.report.page import MOST_ROWS, sections, summary, write_data, write_report
from pipeline.schema import LABELS, PARTS
from pipeline.schema.labels import DECLARED

from .conftest import NASTY, NODES, START_US, connection, database, usual_tables
from .large import large_tables

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

PATTERN_COUNT = 8  # the patterns of plotly, with the plain bar
REPORTS = resources.folder("reports")
SECTIONS = {s.anchor: s for s in sections()}


class Reader(HTMLParser):
    """A page taken apart: scripts, style, links, the policy, and each section's text, heads and rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[str, str]] = []
        self.styles: list[str] = []
        self.links: list[str] = []
        self.policy = ""
        self.heads: dict[str, list[str]] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.texts: dict[str, str] = {}
        self._section = ""
        self._inside = ""
        self._raw: str | None = None
        self._is_number = False
        self._text = text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {k: v or "" for k, v in attrs}
        self.links += [known[k] for k in ("src", "href", "action", "srcset") if k in known]
        self._inside = tag if tag in ("script", "style", "sup") else "" if tag == "tr" else self._inside
        if known.get("http-equiv") == "Content-Security-Policy":
            self.policy = known["content"]
        elif tag == "script":
            self.scripts.append((known.get("type", ""), ""))
        elif tag == "style":
            self.styles.append("")
        elif tag == "section":
            self._section = known["id"]
            self.heads[self._section], self.rows[self._section], self.texts[self._section] = [], [], ""
        elif tag == "th":
            self.heads[self._section].append(known["data-column"])
        elif tag == "tr":
            self.rows[self._section].append([])
        elif tag == "td":
            self._raw, self._is_number = known.get("data-raw"), known.get("class") == "number"
            self.rows[self._section][-1].append(self._raw or "")
            self._inside = "td"

    def handle_endtag(self, tag: str) -> None:
        if tag in (self._inside, "tbody"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif self._inside == "style":
            self.styles[-1] += data
        elif self._section:
            self.texts[self._section] += data
            if self._inside == "td" and self._raw is None:
                self.rows[self._section][-1][-1] += data.replace(",", "") if self._is_number else data

    def table(self, section: str) -> list[list[str]]:
        return [row for row in self.rows[section] if row]

    @property
    def figures(self) -> dict[str, dict[str, list[dict[str, object]]]]:
        return json.loads(next(text for kind, text in self.scripts if kind == "application/json"))["figures"]

    @property
    def data_bytes(self) -> int:
        """All of the file but plotly.js: text, tables, charts, style and the page's own script."""
        return len(self._text.encode()) - max(len(text.encode()) for _, text in self.scripts)


def rendered(con: duckdb.DuckDBPyConnection, folder: Path, run: str = "peak-2") -> str:
    out = folder / "report.html"
    write_report(con, run, out)
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(usual: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(rendered(usual, tmp_path_factory.mktemp("page")))


@pytest.mark.parametrize("anchor", SECTIONS)
def test_a_table_is_what_its_sql_gives(anchor: str, page: Reader, usual: duckdb.DuckDBPyConnection) -> None:
    result = usual.sql(SECTIONS[anchor].sql)
    places = [result.columns.index(head) for head in page.heads[anchor]]
    rows = result.fetchall()
    left_out = set(range(len(result.columns))) - set(places)
    assert rows
    assert page.table(anchor) == [[raw(row[place]) for place in places] for row in rows[: MOST_ROWS[0]]]
    assert all(row[place] is None for row in rows for place in left_out)


def test_only_a_part_of_a_long_table_is_shown_and_said_so(tmp_path: Path) -> None:
    lost = [
        {"capture_id": "a", "file": "f", "line_number": n, "reason": "too few cells"} for n in range(MOST_ROWS[0] + 7)
    ]
    with database({"rejects": lost}) as con:
        page = Reader(rendered(con, tmp_path))
    assert len(page.table("rejects")) == MOST_ROWS[0]
    assert f"{MOST_ROWS[0] + 7} rows, the first {MOST_ROWS[0]} shown" in page.texts["rejects"]


def test_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    tables = usual_tables()
    with database(tables) as con:
        first = rendered(con, tmp_path)
    shuffle = random.Random(7).shuffle
    for rows in tables.values():
        shuffle(rows)
    with database(tables) as con:
        assert rendered(con, tmp_path) == first


def test_the_policy_lists_each_script_and_style_and_nothing_else(page: Reader) -> None:
    def hashes(texts: list[str]) -> set[str]:
        return {f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in texts}

    policy = {name: set(rest) for name, *rest in (part.split() for part in page.policy.split(";"))}
    assert policy["default-src"] == {"'none'"}
    assert policy["script-src"] == hashes([text for kind, text in page.scripts if not kind])
    assert policy["style-src"] == hashes([*page.styles, ""])
    assert "unsafe" not in page.policy
    assert policy.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}


def test_every_link_stays_on_the_page(page: Reader) -> None:
    assert page.links
    assert {link for link in page.links if not link.startswith("#")} == set()
    assert {link[1:] for link in page.links} - {"main"} <= set(SECTIONS)


def test_hostile_names_stay_text(usual: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = rendered(usual, tmp_path, run=NASTY)
    page = Reader(text)
    assert [kind for kind, _ in page.scripts] == ["application/json", "", ""]
    assert "<script>alert" not in text
    assert "onerror=alert(1)>" not in text
    assert NASTY in page.texts["labels"]
    assert "<b>" not in str(page.figures), "plotly would read it as bold"
    assert "<" not in next(text for kind, text in page.scripts if kind), "it could end the script"
    assert "<strong>" not in "".join(page.texts.values()), "our own marks are not escaped"


def test_charts_hold_no_id_of_chance_and_no_template(page: Reader) -> None:
    assert page.figures
    for figure in page.figures.values():
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", str(figure))
        assert "template" not in figure["layout"]


def test_few_are_marked_and_many_are_not(usual: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    cells = re.findall(r'data-raw="(\d+)">[\d,]+<sup', rendered(usual, tmp_path))
    assert cells
    assert max(map(int, cells)) < 30
    with database({"connections": [connection(n, label="other") for n in range(30)]}) as con:
        assert "<sup" not in rendered(con, tmp_path).partition('id="labels"')[2].partition('id="hops"')[0]


def test_a_run_of_which_nothing_is_known_says_so(bare: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    page = Reader(rendered(bare, tmp_path))
    assert page.figures == {}
    for section in SECTIONS.values():
        assert section.empty in page.texts[section.anchor]
        assert page.table(section.anchor) == []


def test_captures_without_times_say_why_there_is_no_timeline(tmp_path: Path) -> None:
    timeless = [row | {"start_us": None, "end_us": None} for row in usual_tables()["connections"]]
    with database({"connections": timeless}) as con:
        page = Reader(rendered(con, tmp_path))
    assert "carry no times" in page.texts["times"]
    assert "times-1-1" not in page.figures
    assert "labels-1-1" in page.figures


@pytest.mark.parametrize(
    ("span_s", "width_s"),
    [(0, 0.1), (12, 0.1), (13, 1), (120, 1), (1200, 10), (7200, 60), (72_000, 600), (90_000, 3600)],
)
def test_time_buckets_are_about_a_hundred_and_hold_every_connection(span_s: int, width_s: float) -> None:
    rows = [connection(n, start_us=START_US + span_s * n * 10_000 - (n > 0)) for n in range(101)]
    rows.append(connection(200, start_us=START_US + span_s * 1_000_000))
    with database({"connections": rows}) as con:
        found = con.sql("SELECT bucket_us, width_us, connection_count FROM distribution_times").fetchall()
    assert {width for _, width, _ in found} == {width_s * 1e6}
    assert all(bucket % width == 0 for bucket, width, _ in found)
    assert sum(count for *_, count in found) == len(rows)
    assert len(found) <= 122


def test_shares_of_forwarding_do_not_rest_on_the_label(tmp_path: Path) -> None:
    known = {"service": "a/b", "ingress_node": NODES[0], "label": "affinity-pinned", "affinity": "pinned"}
    rows = [connection(n, **known, hop="forwarded" if n < 30 else "local", source_nat=n < 10) for n in range(40)]
    with database({"connections": rows}) as con:
        page = Reader(rendered(con, tmp_path))
        assert "extra hop 75 % (30 of 40)" in summary(con)
    assert "30 of 40 connections" in page.texts["hops"]
    assert "(75\u202f%)" in page.texts["hops"]


def test_a_way_counts_even_where_the_service_is_not_known(tmp_path: Path) -> None:
    rows = [connection(n, pod="a/b", ingress_node=NODES[0], hop="forwarded", label="forwarded") for n in range(3)]
    with database({"connections": rows}) as con:
        page = Reader(rendered(con, tmp_path))
    assert "3 of 3 connections" in page.texts["hops"]
    assert "No connection belongs to a known Service" in page.texts["pods"]
    assert page.table("pods") == [["a/b", NODES[0], "3", "1", "3", "3702"]]


def test_the_busiest_come_first(tmp_path: Path) -> None:
    known = {"service": "zz/busy", "hop": "local"}
    rows = [connection(n, **known, label="forwarded" if n else "direct") for n in range(5)]
    rows.append(connection(9, service="aa/idle", hop="local", label="direct"))
    with database({"connections": rows}) as con:
        text = rendered(con, tmp_path)
        assert summary(con).index("zz/busy") < summary(con).index("aa/idle")
    page = Reader(text)
    assert re.findall(r'<p class="verdict"><strong>([^<]+)', text) == ["zz/busy", "aa/idle"]
    assert [row[:2] for row in page.table("labels")] == [
        ["zz/busy", "forwarded"],
        ["zz/busy", "direct"],
        ["aa/idle", "direct"],
    ]


def test_an_address_stands_for_a_node_that_is_not_known(page: Reader) -> None:
    assert ["10.220.1.4", NODES[0], "forwarded", "4"] in page.table("hops")
    assert "10.220.1.4" in [row[2] for row in page.table("pods")]


def test_what_is_assumed_is_counted_apart(page: Reader, usual: duckdb.DuckDBPyConnection) -> None:
    assert "for 4 of them this is assumed" in page.texts["hops"]
    assert "4 assumed" in summary(usual)


@pytest.mark.parametrize(("services", "pods"), [(60, 500), (1, 500)])
def test_a_page_stays_small_and_readable_however_much_it_tells_of(services: int, pods: int, tmp_path: Path) -> None:
    with database(large_tables(services, pods)) as con:
        text = rendered(con, tmp_path)
    page = Reader(text)
    assert [anchor for anchor in SECTIONS if not page.table(anchor)] == []
    assert page.data_bytes <= 300_000
    assert len(text.encode()) < 2_000_000
    assert len([name for name in page.figures if name.startswith("pods-1-")]) == min(MOST_GROUPS, services + 2)
    assert "others with" in page.texts["labels" if services > MOST else "pods"]
    assert all(len(page.table(anchor)) >= 20 for anchor in ("captures", "rejects", "findings", "rules"))


def test_summary_names_labels_reasons_and_counts(usual: duckdb.DuckDBPyConnection) -> None:
    text = summary(usual)
    assert "default/testapp: 604 connections" in text
    assert "snat-forwarded   64.9 % (392 of 604)" in text
    assert "unlabelled: 5.2 % (36 of 695)" in text
    assert "no-rules" in text
    assert text.splitlines()[-1] == "unparsed lines: <0.1 % (3 of 123,090)"


def test_summary_lets_no_control_character_through() -> None:
    with database({"connections": [connection(1, service="a/\x1b[31mred\x07", label="direct")]}) as con:
        assert "a/[31mred" in summary(con)


def test_the_bundle_is_the_one_plotly_was_made_with(page: Reader) -> None:
    from plotly.offline import get_plotlyjs_version

    bundles = list((REPORTS / "assets").glob("plotly-cartesian-*.min.js"))
    assert [b.name for b in bundles] == [f"plotly-cartesian-{get_plotlyjs_version()}.min.js"]
    head = bundles[0].read_text(encoding="utf-8")[:300]
    assert f"v{get_plotlyjs_version()}" in head
    assert "Licensed under the MIT license" in head
    assert "MIT License" in (REPORTS / "assets" / "plotly-LICENSE.txt").read_text(encoding="utf-8")


def test_no_chart_offers_to_be_shared() -> None:
    script = (REPORTS / "assets" / "page.js").read_text(encoding="utf-8")
    assert script.count("Plotly.") == 1
    assert 'displaylogo: false, showSendToCloud: false, plotlyServerURL: ""' in script
    assert "Plotly.react(place, data, { ...layout, template }, config)" in script


def test_every_label_has_a_colour_and_a_pattern() -> None:
    style = (REPORTS / "assets" / "style.css").read_text(encoding="utf-8")
    looks = list(DECLARED.values())
    assert len({look.colour for look in looks}) == len(LABELS)
    assert len({look.pattern for look in looks}) == min(len(LABELS), PATTERN_COUNT), "plotly has no more patterns"
    assert all(look.about.endswith(".") for look in looks)
    assert PART_PATTERNS.keys() == PARTS.keys()
    assert [name for name in PARTS if f"--part-{name}:" not in style] == []


def test_a_section_is_a_folder_of_three_files_without_python() -> None:
    for folder in (REPORTS / "sections").iterdir():
        assert {p.name for p in folder.iterdir()} == {"section.toml", "query.sql", "words.html.j2"}, folder.name
    assert list(REPORTS.rglob("*.py")) == []
    assert len(SECTIONS) == len(list((REPORTS / "sections").iterdir()))


@pytest.mark.parametrize("anchor", SECTIONS)
def test_a_section_keeps_to_the_style(anchor: str, usual: duckdb.DuckDBPyConnection) -> None:
    section = SECTIONS[anchor]
    assert section.title.endswith("?")
    assert section.help.strip()
    columns = set(usual.sql(section.sql).columns)
    for chart in section.charts:
        used = {chart.rows, chart.columns, chart.series, chart.each, chart.value} - {""}
        assert used <= columns
        assert chart.kind in KINDS


QUERIES = sorted([*REPORTS.rglob("*.sql"), *resources.folder("sql").rglob("distribution_*.sql")])


@pytest.mark.parametrize("path", QUERIES, ids=lambda p: p.parent.name + "/" + p.stem)
def test_queries_are_portable(path: Path) -> None:
    (tree,) = sqlglot.parse(path.read_text(encoding="utf-8"), dialect="duckdb")
    assert isinstance(tree, exp.Select)
    for total in tree.find_all(exp.Sum):
        cast = total.find_ancestor(exp.Cast)
        assert cast is not None, "SUM of integers is wider than BIGINT"
        assert cast.to.sql() == "BIGINT"
    for ordered in tree.find_all(exp.Ordered):
        assert not ordered.args.get("nulls_first"), ordered.sql()
    assert sqlglot.transpile(
        tree.sql("duckdb"), read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE
    )


def test_all_rows_of_every_section_can_be_had_as_files(usual: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    write_data(usual, tmp_path / "data")
    for anchor, section in SECTIONS.items():
        rows = usual.sql(section.sql).fetchall()
        assert usual.sql(f"FROM '{tmp_path}/data/{anchor}.parquet'").fetchall() == rows
        with (tmp_path / "data" / f"{anchor}.csv").open(encoding="utf-8", newline="") as file:
            assert len(list(csv.reader(file))) == len(rows) + 1
