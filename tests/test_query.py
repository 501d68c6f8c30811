"""One hard result through every output format (the bytes are the contract), and what a query may do."""

from __future__ import annotations

import ipaddress
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Form, Limits
from pipeline.errors import QueryError
from pipeline.query.macros import all_macros, create_macros, named_tables
from pipeline.query.session import query_session
from pipeline.store.duckdb_engine import connect, lake_views
from pipeline.store.lake import Lake
from pipeline.store.manifest import Manifest

GOLDEN = Path(__file__).parent / "golden"
HARD = """
SELECT * FROM (VALUES
  (1, 'plain', TRUE, 1.50::DECIMAL(5,2), [1, 2], DATE '2026-11-22', 'plain'::BLOB, {'a': 1, 'b': 'x'}),
  (NULL, 'comma, "quote" | pipe', FALSE, NULL, [], NULL, '\\x00\\xFF|,'::BLOB, {'a': NULL, 'b': ''}),
  (-9223372036854775808, E'new\nline and tab\t', NULL, 0.1::DECIMAL(5,2), NULL, DATE '1970-01-01', ''::BLOB, NULL),
  (30, 'naïve 日本 🦀', TRUE, 12.00::DECIMAL(5,2), [NULL, 3], NULL, NULL, {'a': 2, 'b': 'it''s "so"'}),
  (31, '', TRUE, -0.00::DECIMAL(5,2), [7], NULL, NULL, NULL),
  (32, E'back\\slash\r\n', TRUE, 999.99::DECIMAL(5,2), [7], NULL, NULL, NULL)
) AS t(number, words, flag, price, list, day, bytes, pair)
ORDER BY number NULLS LAST
"""
SUFFIX = {Form.TABLE: "txt", Form.MARKDOWN: "md"}
ENDLESS = "SELECT count(*) FROM range(100000000) AS a, range(100000) AS b WHERE a.range + b.range = 7"


@pytest.fixture
def con():
    """A database with the tables of an empty lake."""
    return empty_database()


def empty_database():
    con = connect(Limits())
    lake_views(con, {})
    return con


def answer(con, folder, query, form=Form.TABLE, timeout_s=None, unsafe=False):
    with query_session(con, Lake(folder), timeout_s, unsafe=unsafe) as session:
        session.answer(query, form, folder / "answer")
    return folder / "answer"


@pytest.mark.parametrize("form", [f for f in Form if f is not Form.PARQUET])
def test_the_bytes_of_every_text_format(form, con, tmp_path):
    golden = GOLDEN / f"hard.{SUFFIX.get(form, form.value)}"
    assert answer(con, tmp_path, HARD, form).read_bytes() == golden.read_bytes()


def test_parquet_keeps_values_and_types(con, tmp_path):
    table = pq.read_table(answer(con, tmp_path, HARD, Form.PARQUET))
    assert table.column("words").to_pylist()[-1] == 'comma, "quote" | pipe'
    assert table.column("number").to_pylist() == [-9223372036854775808, 1, 30, 31, 32, None]
    assert table.column("bytes").to_pylist()[-1] == b"\x00\xff|,"
    assert str(table.schema.field("price").type) == "decimal128(5, 2)"


@pytest.mark.parametrize(
    "query", ["SELECT 1;", "SELECT 1 -- one", "FROM range(1)", "EXPLAIN SELECT 1", "DESCRIBE SELECT 1"]
)
def test_what_reads_is_allowed(query, con, tmp_path):
    assert answer(con, tmp_path, query).read_text()


@pytest.mark.parametrize(
    ("query", "message", "hint"),
    [
        ("SELECT lable FROM connections", "lable", "nearest: label"),
        ("SELECT c.client_ips FROM connections AS c", "client_ips", "nearest: client_ip"),
        ("SELECT * FROM conections", "conections", "nearest: connections"),
        ("SELECT shares(1, 2)", "shares", "nearest: share"),
        ("SELECT xyzzy FROM connections", "xyzzy", "every table, column and macro"),
        ("SELECT 1 FRM x", "syntax error", "hopscope sql --schema"),
    ],
)
def test_a_wrong_name_leads_to_the_nearest(query, message, hint, con, tmp_path):
    with pytest.raises(QueryError, match=message) as refused:
        answer(con, tmp_path, query)
    assert hint in refused.value.hint
    assert "Candidate" not in str(refused.value)


def test_other_files_are_read_with_unsafe_only(con, tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_text("n\n7\n")
    (tmp_path / "lake").mkdir()
    query = f"SELECT * FROM read_csv('{outside}')"
    with pytest.raises(QueryError) as refused:
        answer(con, tmp_path / "lake", query)
    assert "--unsafe" in refused.value.hint
    assert "7" in answer(empty_database(), tmp_path / "lake", query, unsafe=True).read_text()


def test_a_query_that_takes_too_long_is_stopped_and_the_next_is_answered(con, tmp_path):
    with query_session(con, Lake(tmp_path), 0.2) as session:
        with pytest.raises(QueryError, match=r"stopped after 0.2 s"):
            session.answer(ENDLESS, Form.CSV, tmp_path / "answer")
        session.answer("SELECT 7", Form.CSV, tmp_path / "answer")
    assert "7" in (tmp_path / "answer").read_text()


def test_ctrl_c_stops_the_query_and_the_next_is_answered(con, tmp_path):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell may ignore it
    began = time.monotonic()
    with query_session(con, Lake(tmp_path)) as session:
        threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            session.answer(ENDLESS, Form.CSV, tmp_path / "answer")
        session.answer("SELECT 7", Form.CSV, tmp_path / "answer")
    assert time.monotonic() - began < 5
    assert "7" in (tmp_path / "answer").read_text()


def test_rows_that_are_not_shown_are_told(con, tmp_path, capfd):
    with query_session(con, Lake(tmp_path)) as session:
        session.answer("FROM range(5)", Form.TABLE, shown_rows=3)
        session.answer("FROM range(3)", Form.TABLE, shown_rows=3)
        session.answer("FROM range(5)", Form.CSV, shown_rows=3)
    shown = capfd.readouterr()
    assert len(shown.out.splitlines()) == 2 + 3 + 2 + 3 + 1 + 5
    assert shown.err.splitlines() == [
        "warning: only the first 3 rows are shown",
        " hint: add LIMIT or WHERE to the query; `-o FILE` and the other formats hold all rows",
    ]


def test_a_run_that_is_not_there_is_told(con, tmp_path, capfd):
    with query_session(con, Lake(tmp_path)) as session:
        session.answer("SELECT 1 FROM connections WHERE run = 'mon''day'", Form.CSV)
    assert 'there is no run "mon\'day"' in capfd.readouterr().err


def test_a_reader_that_leaves_early_hears_nothing(tmp_path):
    with Lake(tmp_path / "lake").stage(Manifest("monday", {})):
        pass
    command = f"{sys.executable} -m pipeline sql 'FROM range(300000)' --format csv | head -1; exit ${{PIPESTATUS[0]}}"
    env = {"PYTHONPATH": str(GOLDEN.parent.parent), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("range\n", "", 0)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT 1", frozenset()),
        ('SELECT label FROM Connections AS c JOIN "flows" USING (connection_id)', {"connections", "flows"}),
        ("FROM query_table('pods')", {"pods"}),
        ("SELECT share(1, 2) FROM pods", None),
        ("SELECT label FROM flows ORDER BY label DESC", {"flows"}),
        ("DESC", None),
        ("SHOW TABLES", None),
        ("SELECT view_name FROM duckdb_views()", None),
        ("FROM information_schema.tables", None),
    ],
)
def test_only_tables_that_a_query_may_ask_for_are_opened(sql, tables):
    assert named_tables(sql) == tables


@pytest.fixture(scope="module")
def macros():
    con = empty_database()
    create_macros(con)
    return con


ADDRESSES = st.ip_addresses() | st.integers(0, 2**32).map(lambda n: ipaddress.ip_address(n % 2**32))
RANGES = st.tuples(ADDRESSES, st.integers(0, 128)).map(
    lambda p: ipaddress.ip_network((p[0], p[1] % (p[0].max_prefixlen + 1)), strict=False)
)


@given(ADDRESSES, RANGES)
def test_an_address_is_in_a_range_as_python_says(macros, ip, cidr):
    spellings = [str(ip), ip.exploded, ip.exploded.upper(), str(cidr.network_address)]
    inside = [ip in cidr] * 3 + [True]
    query = "SELECT ip_in(spelling, $cidr), ip_number(spelling) FROM (SELECT unnest($spellings) AS spelling)"
    rows = macros.execute(query, {"cidr": str(cidr), "spellings": spellings}).fetchall()
    assert [r[0] for r in rows] == inside
    assert [int(r[1]) for r in rows[:3]] == [int(ip)] * 3


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("share(1, 4)", 0.25),
        ("share(1, 0)", None),
        ("bucket_us(1795382074439549, 10)", 1795382070000000),
        ("CAST(utc(1795382074439549) AS VARCHAR)", "2026-11-22 21:14:34.439549"),
        ("ip_number('no address')", None),
        ("ip_in(NULL, '10.0.0.0/8')", None),
    ],
)
def test_what_macros_give(expression, value, macros):
    assert macros.sql(f"SELECT {expression}").fetchall() == [(value,)]


@pytest.mark.parametrize("question", all_macros(), ids=lambda q: q.name)
def test_a_view_or_macro_says_what_it_is_for_and_stands_in_a_query(question, macros):
    assert question.about.endswith(".") or ":" in question.about
    if question.returns_rows:
        arguments = ", ".join("1" for _ in question.parameters.split(", "))
        macros.sql(f"SELECT * FROM {question.name}{f'({arguments})' if question.parameters else ''}").fetchall()


def test_no_progress_bar_is_among_the_data_of_a_process_without_a_file():
    text = (
        "from pipeline.config import Limits; from pipeline.store.duckdb_engine import connect; "
        "print(connect(Limits()).sql('SELECT current_setting($$enable_progress_bar$$)').fetchall())"
    )
    done = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True)
    assert done.stdout == "[(False,)]\n"
