"""The report in a real browser; everything a reader does happens once, and each test looks at a part of it."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.display import raw
from pipeline.report.page import sections, write_report
from tests.conftest import lacking

from .conftest import NASTY, database, usual_tables

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def chromium() -> str:
    """Where Chromium is; skips with the reason where it, node or its driver is missing, and fails in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    missing = None
    if path is None:
        missing = "no chromium on PATH"
    elif shutil.which("node") is None:
        missing = "no node on PATH"
    elif not (HERE.parent / "node_modules" / "puppeteer-core").is_dir():
        missing = "the browser's driver is not installed: npm ci --prefix tests"
    if missing:
        lacking(missing)
    return str(path)


@pytest.fixture(scope="module")
def drive(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def run(tables: dict[str, Any]) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("browser")
        report = folder / "report.html"
        with database(tables) as con:
            write_report(con, "peak-2", report)
        command = ["node", str(HERE / "drive.mjs"), chromium, str(report), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def seen(drive: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    return drive(usual_tables())


def test_it_says_nothing_on_the_console(seen: dict[str, Any]) -> None:
    assert seen["console"] == []


def test_it_asks_nothing_of_the_network(seen: dict[str, Any]) -> None:
    assert seen["requests"] == []


def test_nothing_foreign_runs_or_gets_out(seen: dict[str, Any]) -> None:
    assert seen["foreign"] == {"ran": False, "reached": False}
    assert seen["complaints"] >= 2, "the policy must have refused both"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_chart_is_drawn(seen: dict[str, Any], theme: str) -> None:
    charts = seen[theme]["charts"]
    declared = {f"{s.anchor}-{n}" for s in sections() for n, _ in enumerate(s.charts, start=1)}
    assert {c["name"].rpartition("-")[0] for c in charts} == declared
    assert [c["name"] for c in charts if not c["marks"]] == []


def test_no_chart_can_be_shared(seen: dict[str, Any]) -> None:
    expected = {"showSendToCloud": False, "plotlyServerURL": "", "displaylogo": False}
    assert all(c["config"] == expected for c in seen["light"]["charts"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(seen: dict[str, Any], theme: str) -> None:
    assert seen["axe"][theme]["violations"] == []
    assert seen["axe"][theme]["passes"] > 30


def test_charts_follow_the_theme(seen: dict[str, Any]) -> None:
    assert seen["light"]["paper"] != seen["dark"]["paper"]
    assert seen["light"]["ink"] != seen["dark"]["ink"]


def test_a_phone_need_not_scroll_sideways(seen: dict[str, Any]) -> None:
    assert seen["phone"]["wide"] <= seen["phone"]["window"]


def test_hovering_tells_names_and_count(seen: dict[str, Any]) -> None:
    assert "snat-forwarded" in seen["hover"]
    assert "392 connections" in seen["hover"]
    assert NASTY in seen["hostileHover"], "letter by letter, with nothing put in or taken out"
    assert "15 connections" in seen["hostileHover"]


def test_tables_sort_both_ways(seen: dict[str, Any]) -> None:
    up = [int(cell) for cell in seen["ascending"]]
    assert seen["sorted"] == "ascending"
    assert up == sorted(up)
    assert [int(cell) for cell in seen["descending"]] == sorted(up, reverse=True)


def test_tables_filter(seen: dict[str, Any]) -> None:
    assert seen["filtered"]
    assert all("x7427" in cell for cell in seen["filtered"])
    assert seen["status"] == f"{len(seen['filtered'])} of {len(seen['ascending'])} rows"


def test_csv_holds_what_the_query_gives(seen: dict[str, Any]) -> None:
    section = next(s for s in sections() if s.anchor == "labels")
    with database(usual_tables()) as con:
        result = con.sql(section.sql)
        expected = [[raw(v) for v in row] for row in result.fetchall()]
        columns = result.columns
    head, *rows = csv.reader(io.StringIO(seen["csv"]))
    assert head == columns
    assert rows == expected


def test_sql_is_copied(seen: dict[str, Any]) -> None:
    assert seen["copied"] == "Copied"


def test_address_remembers_place_and_theme(seen: dict[str, Any]) -> None:
    assert seen["hash"] == "#rejects&theme=dark"
    assert seen["theme"] == seen["dark"]["paper"]
    assert seen["again"]["paper"] == seen["dark"]["paper"]
    assert 0 <= seen["again"]["top"] < seen["again"]["height"]


def test_print_has_all_charts(seen: dict[str, Any]) -> None:
    assert seen["pdf"]["head"] == "%PDF-"
    assert seen["pdf"]["undrawn"] == []
