"""One hard result through every output format; the bytes are the contract."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.config import Form, Limits
from pipeline.engines.duckdb import connect
from pipeline.lake import Lake
from pipeline.query import run_query

GOLDEN = Path(__file__).parent / "golden"
HARD = """
SELECT * FROM (VALUES
  (1, 'plain', TRUE, 1.50::DECIMAL(5,2), [1, 2], DATE '2026-11-22'),
  (NULL, 'comma, "quote" | pipe', FALSE, NULL, [], NULL),
  (-9223372036854775808, E'new\nline and tab\t', NULL, 0.1::DECIMAL(5,2), NULL, DATE '1970-01-01'),
  (30, 'naïve 日本 🦀', TRUE, 12.00::DECIMAL(5,2), [NULL, 3], NULL)
) AS t(number, words, flag, price, list, day)
ORDER BY number NULLS LAST
"""
SUFFIX = {Form.TABLE: "txt", Form.MARKDOWN: "md"}


@pytest.mark.parametrize("form", [f for f in Form if f is not Form.PARQUET])
def test_the_bytes_of_every_text_format(form, tmp_path):
    out = tmp_path / "answer"
    run_query(connect(Limits()), Lake(tmp_path), HARD, form, out)
    golden = GOLDEN / f"hard.{SUFFIX.get(form, form.value)}"
    assert out.read_text(encoding="utf-8") == golden.read_text(encoding="utf-8")


def test_parquet_keeps_values_and_types(tmp_path):
    out = tmp_path / "answer.parquet"
    run_query(connect(Limits()), Lake(tmp_path), HARD, Form.PARQUET, out)
    table = pq.read_table(out)
    assert table.column("words").to_pylist()[-1] == 'comma, "quote" | pipe'
    assert table.column("number").to_pylist() == [-9223372036854775808, 1, 30, None]
    assert str(table.schema.field("price").type) == "decimal128(5, 2)"


@pytest.mark.parametrize(
    "query", ["SELECT 1;", "SELECT 1 -- one", "FROM range(1)", "EXPLAIN SELECT 1", "DESCRIBE SELECT 1"]
)
def test_what_reads_is_allowed(query, tmp_path):
    out = tmp_path / "answer"
    run_query(connect(Limits()), Lake(tmp_path), query, Form.TABLE, out)
    assert out.read_text()
