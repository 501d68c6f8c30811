"""Exports of every shape: what is kept, what is rejected, and that nothing is lost."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pipeline.config import Keep, Limits
from pipeline.errors import InputError
from pipeline.formats.rule_dumps.iptables_save import IptablesSave
from pipeline.ingest.capture import Capture
from pipeline.ingest.discover import discover
from pipeline.ingest.input_tables import InputTables
from pipeline.ingest.reader import read_capture
from pipeline.store.duckdb_engine import connect

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

HEADER = "ip.src\ttcp.srcport\tip.dst\ttcp.dstport\tip.proto\n"
ROW = "71.246.124.116\t5879{}\t20.185.96.169\t80\t6\n"
DIRTY = HEADER + ROW.format(1) + "rubbish\n\n10.0.0.1,10.0.0.2\t1\t10.0.0.3\t80\t1,6\n\n" + ROW.format(2) + "71.2\t1"


def ingest(folder: Path, files: dict[str, bytes]) -> duckdb.DuckDBPyConnection:
    """Write the files into a capture's node, read it, give a database with the tables made."""
    capture, out = folder / "capture", folder / "out"
    for name, data in files.items():
        path = capture / "nodes" / "node-a" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    con = connect(Limits())
    inputs = Capture(capture, keep_packets=Keep.ALL)
    read_capture(con, InputTables(out), discover(inputs), inputs)
    for table in ("packets", "captures", "rejects", "findings"):
        if any((out / table).rglob("*.parquet")):
            con.execute(f"CREATE VIEW {table} AS FROM read_parquet('{out}/{table}/**/*.parquet')")
    return con


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return con.sql(query).fetchall()


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda text: text.encode(), id="plain"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="crlf"),
        pytest.param(lambda text: b"\xef\xbb\xbf" + text.encode(), id="bom"),
        pytest.param(lambda text: gzip.compress(text.encode(), mtime=0), id="gzip"),
    ],
)
def test_bad_lines_are_rejected_with_their_number_and_the_rest_keeps_theirs(encode, tmp_path):
    con = ingest(tmp_path, {"eth0.tsv": encode(DIRTY)})
    assert rows(con, "SELECT line_number, src_port FROM packets ORDER BY 1") == [(2, 58791), (7, 58792)]
    assert [r[0] for r in rows(con, "SELECT line_number FROM rejects ORDER BY 1")] == [3, 5, 8]
    assert rows(con, "SELECT text FROM rejects WHERE line_number = 3") == [("rubbish",)]
    assert rows(con, "SELECT row_count, kept_count, rejected_count FROM captures") == [(5, 2, 3)]


def test_what_is_no_address_is_rejected_on_the_fast_road_too(tmp_path):
    lines = [ROW.format(n) for n in range(5)]
    lines[1] = lines[1].replace("71.246.124.116", "web-1.example")
    lines[3] = lines[3].replace("20.185.96.169", "20.185.96.1690")
    con = ingest(tmp_path, {"eth0.tsv": (HEADER + "".join(lines)).encode()})
    assert rows(con, "SELECT line_number FROM packets ORDER BY 1") == [(2,), (4,), (6,)]
    assert rows(con, "SELECT line_number, reason FROM rejects ORDER BY 1") == [
        (3, "'web-1.example' is no address"),
        (5, "'20.185.96.1690' is no address"),
    ]
    assert rows(con, "SELECT row_count, kept_count, rejected_count FROM captures") == [(5, 3, 2)]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("10.0.0.1,10.0.0.2\t1\t10.0.0.2,10.0.0.3\t80\t1,6\n", 1),  # an ICMP error
        ("10.0.0.1\t1\t10.0.0.2\t80\t1\n", 1),
        ("10.0.0.x\t1\t10.0.0.2\t80\t6\n", 0),
        ("10.0.0.1\t1\t10.0.0.2\n", 0),
        ("10.0.0.1\t1\r10.0.0.2\t1\t10.0.0.3\n", 0),  # two lines to some, one to others
    ],
)
def test_an_export_may_hold_nothing_that_is_read_at_once(line, kept, tmp_path):
    con = ingest(tmp_path, {"eth0.tsv": (HEADER + line).encode()})
    assert rows(con, "SELECT row_count, kept_count, rejected_count FROM captures") == [(1, kept, 1 - kept)]


def test_a_line_that_is_no_utf8_and_too_short_is_a_reject_and_nothing_else_is_said(tmp_path, capfd):
    con = ingest(tmp_path, {"eth0.tsv": HEADER.encode() + ROW.format(1).encode() + b"\xff\xfe\n"})
    assert rows(con, "SELECT line_number FROM rejects") == [(3,)]
    assert "Exception" not in capfd.readouterr().err


def test_the_classic_five_columns_need_no_header(tmp_path):
    con = ingest(tmp_path, {"capture.tsv": (ROW.format(1) + "\t\t\t\t\n" + ROW.format(2)).encode()})
    assert rows(con, "SELECT line_number, src_ip, protocol, ts_us FROM packets ORDER BY 1") == [
        (1, "71.246.124.116", "tcp", None),
        (2, None, None, None),
        (3, "71.246.124.116", "tcp", None),
    ]


def test_time_keeps_its_microseconds(tmp_path):
    line = b"frame.time_epoch\tip.src\n1795382074.366027101\t10.0.0.1\n1795382074.999999999\t10.0.0.1\n"
    con = ingest(tmp_path, {"eth0.tsv": line})
    assert rows(con, "SELECT ts_us FROM packets ORDER BY line_number") == [(1795382074366027,), (1795382074999999,)]


def test_of_two_columns_with_one_name_the_last_is_read(tmp_path):
    con = ingest(tmp_path, {"eth0.tsv": b"ip.src\tip.src\ttcp.srcport\n\t10.0.0.1\t80\n"})
    assert rows(con, "SELECT src_ip, src_port FROM packets") == [("10.0.0.1", 80)]


def test_a_truncated_gzip_gives_what_stands_before_its_end(tmp_path):
    lines = HEADER + "".join(f"10.0.{i // 250}.{i % 250}\t{i}\t10.1.0.1\t80\t6\n" for i in range(5000))
    whole = gzip.compress(lines.encode(), mtime=0)
    con = ingest(tmp_path, {"eth0.tsv.gz": whole[: len(whole) // 2]})
    ((read, kept, rejected),) = rows(con, "SELECT row_count, kept_count, rejected_count FROM captures")
    assert (read, rejected) == (kept + 1, 1)
    assert kept > 1000
    assert rows(con, "SELECT min(line_number), max(line_number) FROM packets") == [(2, kept + 1)]
    assert rows(con, "SELECT finding FROM findings WHERE file IS NOT NULL") == [("truncated-file",)]


def test_unknown_and_empty_files_are_named_and_the_rest_is_read(tmp_path, capsys):
    files = {"a.tsv": (HEADER + ROW.format(1)).encode(), "b.bin": bytes(range(256)), "c.tsv": b""}
    con = ingest(tmp_path, files)
    assert rows(con, "SELECT finding, file FROM findings WHERE file IS NOT NULL ORDER BY 2") == [
        ("unrecognised-file", "nodes/node-a/b.bin"),
        ("empty-file", "nodes/node-a/c.tsv"),
    ]
    assert rows(con, "SELECT sum(kept_count) FROM captures") == [(1,)]
    assert "nodes/node-a/b.bin: is no input form that hopscope knows" in capsys.readouterr().err


def test_a_second_copy_of_a_file_is_read_once(tmp_path):
    data = (HEADER + ROW.format(1)).encode()
    con = ingest(tmp_path, {"a.tsv": data, "copy of a.tsv": data})
    assert rows(con, "SELECT count(*) FROM packets") == [(1,)]
    found = rows(con, "SELECT finding, file FROM findings WHERE file IS NOT NULL")
    assert found == [("copy-of-a-file", "nodes/node-a/a.tsv")]


@pytest.mark.parametrize(("make", "message"), [(False, "no such folder"), (True, "no file in it")])
def test_a_capture_that_is_not_there_says_so(make, message, tmp_path):
    capture = tmp_path / "peak"
    if make:
        capture.mkdir()
    with pytest.raises(InputError, match=message):
        discover(Capture(capture))


def test_a_dump_that_two_nodes_have_byte_for_byte_is_read_once_and_is_both_nodes(tmp_path, monkeypatch):
    text = "*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -j RETURN\n-A what is this\n-j KUBE-SVC-A\nCOMMIT\n"
    for node, more in (("a", ""), ("b", ""), ("c", "# another\n")):
        place = tmp_path / "capture/nodes" / node
        place.mkdir(parents=True)
        (place / "iptables-save.txt").write_text(text + more)
    read = []
    parse = IptablesSave.parse
    monkeypatch.setattr(IptablesSave, "parse", lambda form, source: read.append(source.name) or parse(form, source))
    taken, capture = InputTables(tmp_path / "out", silent=True), Capture(tmp_path / "capture")
    read_capture(connect(Limits()), taken, discover(capture), capture)
    assert read == ["nodes/a/iptables-save.txt", "nodes/c/iptables-save.txt"]
    rules = pl.concat(taken.frames["rules"])
    assert rules.select("node", "file").unique().sort("node").rows() == [
        (node, f"nodes/{node}/iptables-save.txt") for node in "abc"
    ]
    assert {n for (n,) in rules.group_by("node").len().select("len").rows()} == {4}
    assert sorted(r["file"] for r in taken.rejects) == [f"nodes/{node}/iptables-save.txt" for node in "abc"]
