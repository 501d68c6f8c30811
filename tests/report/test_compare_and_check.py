"""Two runs compared, and runs held against thresholds."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import fromstring

import pytest

from pipeline import resources
from pipeline.errors import UsageError
from pipeline.report.page import comparison, write_comparison
from pipeline.statistics.compare import compare, create_table
from pipeline.statistics.measures import MEASURES
from pipeline.statistics.thresholds import DEFAULTS, as_junit, check, read_thresholds

from .conftest import NASTY, NODES, connection, database, usual_tables
from .test_report import Reader

if TYPE_CHECKING:
    import duckdb


def one_run(seed: int, forwarded: float = 0.5, count: int = 400) -> list[dict[str, object]]:
    chance = random.Random(seed)
    known = {
        "service": "a/b",
        "source_nat": True,
        "evidence": "rules",
        "client_ip": "192.0.2.7",
        "dest_ip": "192.0.2.9",
    }
    rows = []
    for n in range(count):
        away = chance.random() < forwarded
        node = chance.choice(NODES)
        label = "snat-forwarded" if away else "direct"
        rows.append(connection(n, **known, ingress_node=node, hop="forwarded" if away else "local", label=label))
    return rows


def two_runs(first: list[dict[str, object]], second: list[dict[str, object]]) -> duckdb.DuckDBPyConnection:
    con = database({"connections": first})
    with database({"connections": second}) as other:
        for (table,) in other.sql("SELECT table_name FROM duckdb_tables()").fetchall():
            rows = other.sql(f"FROM {table}").pl()
            if "run" in rows.columns and len(rows):
                after = con.register("rows_after", rows).sql("SELECT * REPLACE ('after' AS run) FROM rows_after")
                after.insert_into(table)
    return con


def test_a_change_is_found_with_its_limits(tmp_path: Path) -> None:
    con = two_runs(one_run(1, 0.5), one_run(2, 0.8))
    rows = {(r["service"], r["measure"]): r for r in compare(con, "peak-2", "after")}
    found = rows["a/b", "snat_forwarded_share"]
    assert found["changed"]
    assert found["low"] < 0.3 < found["high"]
    assert not rows["a/b", "unlabelled_share"]["changed"]
    assert not rows["a/b", "busiest of nodes"]["changed"]
    create_table(con, list(rows.values()))
    assert "a/b: snat forwarded went from" in comparison(con, "peak-2", "after")
    write_comparison(con, "peak-2", "after", tmp_path / "c.html")
    page = Reader((tmp_path / "c.html").read_text())
    assert len(page.table("changes")) == len(rows)
    assert page.table("changes")[0][-3] == "true"


def test_equal_runs_seldom_differ() -> None:
    alarms = 0
    for seed in range(8):
        with two_runs(one_run(2 * seed, count=150), one_run(2 * seed + 1, count=150)) as con:
            alarms += any(r["changed"] for r in compare(con, "peak-2", "after"))
    assert alarms <= 2


def test_what_affinity_keeps_together_counts_once() -> None:
    sticky = {"service": "a/b", "hop": "forwarded", "source_nat": True, "label": "affinity-pinned"}
    first = [connection(n, **sticky, affinity="first" if n < 4 else "pinned") for n in range(400)]
    second = [row | {"hop": "local"} for row in first]
    with two_runs(first, second) as con:
        rows = {(r["service"], r["measure"]): r for r in compare(con, "peak-2", "after")}
    assert not rows["a/b", "forwarded_share"]["changed"], "four choices each are too few to tell"


def test_runs_that_share_no_service_have_only_the_run_in_common() -> None:
    with two_runs([connection(1, service="a/a")], [connection(1, service="b/b")]) as con:
        assert {r["service"] for r in compare(con, "peak-2", "after")} == {None}


def thresholds(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "thresholds.toml"
    path.write_text(text)
    return path


def test_thresholds_pass_breach_or_have_nothing_to_measure(usual: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = """
    [thresholds]
    unlabelled_share = "< 10 %"
    [services."default/testapp"]
    snat_forwarded_share = "< 0.05"
    pinned_share = ">= 0.9"
    [services."default/mistyped"]
    unlabelled_share = "< 1"
    """
    outcomes = check(usual, read_thresholds(thresholds(tmp_path, text)))
    assert [o.passed for o in outcomes] == [True, False, None, False]
    assert outcomes[1].text == "BREACH       default/testapp: snat_forwarded_share < 0.05: 64.9\u202f% (392 of 604)"
    assert outcomes[3].text.endswith("no such service in this run")
    suite = fromstring(as_junit(NASTY, outcomes))
    assert suite.attrib == {"name": f"hopscope {NASTY}", "tests": "4", "failures": "2", "skipped": "1"}
    assert len(suite.findall("testcase/failure")) == 2


def test_without_a_file_the_usual_thresholds_hold(usual: duckdb.DuckDBPyConnection) -> None:
    assert {o.measure: o.passed for o in check(usual, read_thresholds(None))}["unlabelled_share"] is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[thresholds]\nunlabeled = "< 1"', "there is no measure 'unlabeled'"),
        ('[thresholds]\nunlabelled_share = "5"', "is no threshold"),
        ('[threshold]\nunlabelled_share = "< 1"', "the file has threshold"),
        ("", "the file has none"),
        ("[", "cannot be read"),
    ],
)
def test_a_file_that_says_nothing_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        read_thresholds(thresholds(tmp_path, text))


def test_every_measure_can_be_measured() -> None:
    tables = usual_tables()
    with database(tables) as con:
        found = {row[2] for row in con.sql((resources.folder("reports") / "measures.sql").read_text()).fetchall()}
    assert found <= set(MEASURES)
    assert set(MEASURES) - found == set()


def test_the_page_names_every_threshold_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "check-and-compare.md").read_text(encoding="utf-8")
    rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in page.splitlines() if "| `" in line]
    found = {name: default for name, meaning, unit, default in rows if meaning and unit}
    assert found == {name: DEFAULTS.get(name, "none") for name in MEASURES}
