"""Seconds to microseconds: what numpy makes of many texts at once is what DuckDB makes of each."""

from __future__ import annotations

import random

import duckdb
import pyarrow as pa
import pytest

from pipeline.ingest.decimals import microseconds

_STRANGE = (None, "", "1790000174:771440000", "1790000174.7714400x0", "1790000174.77144000/", "179000017.4771440000")
_STRANGE += ("-1790000174.7714400", " 1790000174.771440", "12", "-1.5", ".5", "5.", "1e3", "1.9999999999", "٣.5")
_STRANGE += ("9999999999.999999999", "10000000000.0", "1790000174.771440000 ", "0.000000999", "1_0.5")


def _one_by_one(text: str | None) -> int | None:
    query = "SELECT CAST(TRUNC(TRY_CAST(? AS DECIMAL(19,9)) * 1000000) AS BIGINT)"
    return duckdb.execute(query, [text]).fetchall()[0][0]


def _usual(digits: int, count: int) -> list[str]:
    seeded = random.Random(digits)
    return [
        f"{seeded.randrange(10**9, 10**10)}." + "".join(seeded.choices("0123456789", k=digits)) for _ in range(count)
    ]


@pytest.mark.parametrize("digits", [1, 3, 6, 7, 9])
def test_usual_times_among_strange_ones(digits: int) -> None:
    texts = [*_usual(digits, 40), *_STRANGE]
    random.Random(0).shuffle(texts)
    found, bad = microseconds(duckdb.connect(), pa.array(texts, pa.string()))
    assert found.to_pylist() == [_one_by_one(t) for t in texts]
    assert bad.tolist() == [t is not None and _one_by_one(t) is None for t in texts]
    assert 0 < bad.sum() < len(_STRANGE)


@pytest.mark.parametrize(
    "texts", [[], [None, None], [""], ["x"], ["."], ["12", "13"], ["1.2.3", "4.5.6"], list(_STRANGE)]
)
def test_no_usual_time_at_all(texts: list[str | None]) -> None:
    found, bad = microseconds(duckdb.connect(), pa.array(texts, pa.string()))
    assert found.to_pylist() == [_one_by_one(t) for t in texts]
    assert bad.tolist() == [t is not None and _one_by_one(t) is None for t in texts]


def test_part_of_an_array() -> None:
    texts = _usual(9, 30)
    found, _ = microseconds(duckdb.connect(), pa.array(texts, pa.string()).slice(7, 11))
    assert found.to_pylist() == [_one_by_one(t) for t in texts[7:18]]
