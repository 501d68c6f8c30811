"""Numbers in words, and counts folded and named for a picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import display
from pipeline.report.chart_declaration import Chart
from pipeline.report.charts import MOST, MOST_GROUPS, draw
from pipeline.report.crosstab import by_size, crosstab, short_names, sum_by


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (1 / 3, "33.3 %"),
        (0.25, "25 %"),
        (0.0004, "<0.1 %"),
        (0.9996, ">99.9 %"),
        (0.021, "2.1 %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert display.percent(share) == text.replace(" ", "\u202f")


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("connection_count", 8_412_007, "8,412,007"),
        ("connection_share", 0.5, "50\u202f%"),
        ("probability", 0.2, "20\u202f%"),
        ("first_us", 1_790_000_000_000_000, "2026-09-21 14:13:20"),
        ("first_us", 1_790_000_000_123_000, "2026-09-21 14:13:20.123"),
        ("file_bytes", 2_345_678, "2.35\u202fMB"),
        ("file_bytes", 999, "999\u202fB"),
        ("width_s", 0.1, "0.1\u202fs"),
        ("spread_s", 0.000002, "2\u202fµs"),
        ("offset_s", -0.0125, "-12.5\u202fms"),
        ("affinity_s", 10800, "10,800\u202fs"),
        ("source_nat", True, "yes"),
        ("pod", "default/a", "default/a"),
        ("pod", None, ""),
        ("rules_p_value", 0.0312, "0.031"),
        ("p_value", 7.4e-35, "< 1e-12"),
        ("jain_index", 0.98765, "0.988"),
        ("peak_ratio", 1.8, "1.80\u202f×"),
    ],
)
def test_a_value_is_shown_by_its_columns_suffix(column: str, value: object, text: str) -> None:
    assert display.shown(column, value) == text


def test_counts_and_shares_in_a_sentence() -> None:
    assert display.count(1, "pod") == "1 pod"
    assert display.count(2, "address") == "2 addresses"
    assert display.share_of(600, 900) == "66.7\u202f% (600\u00a0of\u00a0900)"
    assert display.share_of(600, 900, "pods") == "600 of 900 pods (66.7\u202f%)"
    assert display.share_of(0, 0) == "none of 0"
    assert display.between(600, 900, 0) == display.share_of(600, 900)
    assert display.between(300, 600, 300) == "33.3 to 66.7\u202f% (300\u00a0of\u00a0900, 300 unknown)"
    assert display.between(9999, 9999, 1) == ">99.9 to 100\u202f% (9,999\u00a0of\u00a010,000, 1 unknown)"
    assert display.sentence("no rules") == "No rules."
    assert display.sentence("") == ""


@pytest.mark.parametrize(
    ("p_value", "often", "words"),
    [
        (0.38, "38\u202f%", "p = 0.38, 38\u202f% by chance"),
        (0.003, "0.3\u202f%", "p = 0.003, rarely by chance"),
        (7e-35, "<0.1\u202f%", "p < 1e-12, not by chance"),
        (1.0, "100\u202f%", "p = 1, 100\u202f% by chance"),
    ],
)
def test_a_p_value_has_its_meaning_in_words(p_value: float, often: str, words: str) -> None:
    assert display.chance(p_value) == often
    assert display.p_words(p_value) == words


def test_code_marks_commands_and_escapes_the_rest() -> None:
    assert str(display.code("a `b<c>` <d>")) == "a <code>b&lt;c&gt;</code> &lt;d&gt;"


names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=3)


@given(st.lists(st.tuples(names, names, st.integers(0, 1000)), max_size=300))
def test_summing_loses_no_count(rows: list[tuple[str, str, int]]) -> None:
    records: list[dict[str, object]] = [{"a": a, "b": b, "n": n} for a, b, n in rows]
    assert sum(crosstab(records, "n", "a", "b").values()) == sum(n for *_, n in rows)
    sizes = sum_by(records, "n", "a")
    ordered = [sizes[name] for name in by_size(sizes)]
    assert ordered == sorted(ordered, reverse=True)
    assert sum(ordered) == sum(n for *_, n in rows)


def test_what_is_not_drawn_is_counted() -> None:
    records: list[dict[str, object]] = [{"pod": f"pod-{n:03}", "connection_count": 100 - n} for n in range(MOST + 3)]
    (drawing,) = draw(Chart("bars", "t", rows="pod"), records, "x")
    assert list(drawing.figure["data"][0]["x"]) == [100 - n for n in range(MOST)]
    assert drawing.left_out == f"3 others with {80 + 79 + 78} connections are not drawn"


def test_groups_beyond_the_first_are_left_to_the_table() -> None:
    records: list[dict[str, object]] = [
        {"service": f"s{n}", "pod": "p", "connection_count": 50 + n} for n in range(MOST_GROUPS + 3)
    ]
    drawings = draw(Chart("bars", "t", rows="pod", each="service"), records, "x")
    assert [d.group for d in drawings] == [f"s{n}" for n in range(MOST_GROUPS)]


@pytest.mark.parametrize(
    ("full", "short"),
    [
        (["aks-nodepool1-2345-vmss000000", "aks-nodepool1-2345-vmss000001"], ["…vmss000000", "…vmss000001"]),
        (
            ["aks-nodepool1-2345-vmss000000", "aks-nodepool1-2345-vmss000001", "10.220.1.4"],
            ["…vmss000000", "…vmss000001", "10.220.1.4"],
        ),
        (["default/testapp-6f7947bc4b-x7427"], ["…6f7947bc4b-x7427"]),
        (["node-a", "node-b"], ["node-a", "node-b"]),
        (["ns0/service-00", "ns0/service-01"], ["ns0/service-00", "ns0/service-01"]),
        (["x" * 40], ["…" + "x" * 20]),
        (["n" * 30 + "-0 to d/web-0:80", "n" * 30 + "-1 to d/web-1:80"], ["…0 to d/web-0:80", "…1 to d/web-1:80"]),
        (["pods on aks-nodepool1-2345-vmss000000", "default/web-0"], ["pods on …2345-vmss000000", "default/web-0"]),
        (["x" * 40 + "-0"], ["…" + "x" * 18 + "-0"]),
        ([], []),
    ],
)
def test_names_are_cut_where_they_differ(full: list[str], short: list[str]) -> None:
    assert short_names(full) == short


@given(st.lists(st.text("ab-/", min_size=1, max_size=40), unique=True, max_size=8))
def test_a_short_name_is_an_end_of_its_name(full: list[str]) -> None:
    for name, short in zip(full, short_names(full), strict=True):
        assert name.endswith(short.removeprefix("…"))
        assert len(short) <= 21


def test_a_heatmap_frames_what_stayed_on_its_node() -> None:
    records: list[dict[str, object]] = [
        {"from": "n1", "to": "n1", "connection_count": 5},
        {"from": "n2", "to": "n1", "connection_count": 7},
    ]
    (drawing,) = draw(Chart("heatmap", "t", rows="from", columns="to"), records, "x")
    (frame,) = drawing.figure["layout"]["shapes"]
    assert (frame["x0"], frame["y0"]) == (-0.5, -0.5)
    assert drawing.figure["data"][0]["z"] == [[5], [7]]
    assert (drawing.figure["data"][0]["zmin"], drawing.figure["data"][0]["zmax"]) == (0, 7)


def test_a_timeline_knows_the_width_of_its_bars() -> None:
    records: list[dict[str, object]] = [
        {"bucket_us": 1_790_000_000_000_000, "width_s": 0.1, "label": "direct", "connection_count": 3},
        {"bucket_us": 1_790_000_000_100_000, "width_s": 0.1, "label": "direct", "connection_count": 4},
    ]
    (drawing,) = draw(Chart("timeline", "t", rows="bucket_us", series="label"), records, "x")
    (trace,) = drawing.figure["data"]
    assert (trace["x0"], trace["dx"], trace["y"]) == ("2026-09-21 14:13:20.000", 100, [3, 4])
    assert trace["width"] == 100


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw(Chart("bars", "t", rows="pod"), [], "x") == []
