"""Threads help each other with one work: in order, without waiting in a circle, and without keeping what is done."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipeline.config import Keep, Limits
from pipeline.ingest.capture import Capture
from pipeline.ingest.discover import discover
from pipeline.ingest.flow_builder import FlowBuilder
from pipeline.ingest.input_tables import InputTables
from pipeline.ingest.reader import CaptureReader, read_capture
from pipeline.ingest.worker_pool import WorkerPool
from pipeline.store.duckdb_engine import connect
from tests.bench.load import write

if TYPE_CHECKING:
    from pathlib import Path


class Thing:
    """Something that can be found gone."""


def test_what_comes_of_each_is_in_order_and_idle_threads_make_some_of_it():
    both = threading.Barrier(2, timeout=20)

    def make(n: int) -> tuple[int, str]:
        if n in (0, 1):
            both.wait()  # neither can be made before the other is begun
        return n, threading.current_thread().name

    with ThreadPoolExecutor(2) as pool:
        made = list(WorkerPool(pool, ahead=4, piece_bytes=1).map_ordered(make, range(50)))
    assert [n for n, _ in made] == list(range(50))
    assert len({name for _, name in made[:2]}) == 2


def test_threads_that_all_read_files_do_not_wait_for_each_other():
    with ThreadPoolExecutor(1) as pool:
        workers = WorkerPool(pool, ahead=4, piece_bytes=1)
        found = pool.submit(lambda: list(workers.map_ordered(lambda n: n * n, range(20))))
        assert found.result(timeout=20) == [n * n for n in range(20)]


def test_what_no_thread_had_time_for_is_let_go_once_it_is_done():
    gone = []

    def all_gone() -> bool:
        workers = WorkerPool(pool, ahead=4, piece_bytes=1)

        def things():
            for _ in range(20):
                thing = Thing()
                gone.append(weakref.ref(thing))
                yield thing
                del thing

        for _ in workers.map_ordered(lambda _: None, things()):
            pass
        gc.collect()
        return not any(ref() for ref in gone)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(all_gone).result(timeout=20)


def test_what_fails_beside_is_told_at_the_end():
    def fail() -> None:
        raise ValueError("no room")

    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(ValueError, match="no room"),
        WorkerPool(pool, ahead=4, piece_bytes=1).in_background(fail),
    ):
        pass


def rows(folder: Path, table: str) -> list[tuple[object, ...]]:
    return duckdb.sql(f"SELECT * FROM read_parquet('{folder}/{table}/**/*.parquet') ORDER BY ALL").fetchall()


def test_one_file_in_pieces_is_the_same_whoever_reads_them(tmp_path):
    con = duckdb.connect()
    write(tmp_path / "made", 120_000, con)
    con.close()
    file = tmp_path / "capture" / "nodes" / "node-0" / "any.tsv"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"".join(p.read_bytes() for p in sorted((tmp_path / "made").glob("nodes/*/any.tsv"))))
    for threads in (1, 4):
        out = tmp_path / str(threads)
        limits = Limits(threads=threads, memory_limit="1GB")
        con = connect(limits)
        capture = Capture(tmp_path / "capture", keep_packets=Keep.ALL, limits=limits)
        read_capture(con, InputTables(out, silent=True), discover(capture), capture)
        con.close()
    for table in ("packets", "conversations", "rejects", "captures"):
        once, shared = (rows(tmp_path / str(threads), table) for threads in (1, 4))
        assert once
        assert once == shared


@pytest.mark.parametrize(("memory_limit", "most"), [(None, 2), ("1GB", 1)])
def test_files_are_finished_one_by_one_where_memory_is_limited(memory_limit, most, tmp_path, monkeypatch):
    for n in range(4):
        file = tmp_path / "capture" / "nodes" / f"node-{n}" / "any.tsv"
        file.parent.mkdir(parents=True)
        file.write_text(f"frame.time_epoch\tip.src\tip.dst\tip.proto\n1790000000.{n}\t10.0.0.1\t10.0.0.2\t6\n")
    finishing, seen = [], []
    finish = FlowBuilder._finish

    def slow(rows: FlowBuilder) -> None:
        finishing.append(rows)
        seen.append(len(finishing))
        time.sleep(0.2)
        finish(rows)
        finishing.remove(rows)

    monkeypatch.setattr(FlowBuilder, "_finish", slow)
    limits = Limits(threads=2, memory_limit=memory_limit)
    capture = Capture(tmp_path / "capture", keep_packets=Keep.ALL, limits=limits)
    read_capture(connect(limits), InputTables(tmp_path / "out", silent=True), discover(capture), capture)
    assert (max(seen), len(seen)) == (most, 4)


class Scarce:
    """A connection that has no memory for sums while another thread works, as the lock `alone` shows."""

    def __init__(self, con: duckdb.DuckDBPyConnection, alone: threading.Lock, refused: list[str]) -> None:
        self.con, self.alone, self.refused = con, alone, refused

    def __getattr__(self, name: str) -> object:
        return getattr(self.con, name)

    def cursor(self) -> Scarce:
        return Scarce(self.con.cursor(), self.alone, self.refused)

    def execute(self, sql: str) -> object:
        if (
            "unidirectional_flows" in sql.split(" SELECT ")[0]
            and sql.startswith(("INSERT", "CREATE"))
            and not self.alone.locked()
        ):
            self.refused.append(sql)
            raise duckdb.OutOfMemoryException("not now")
        return self.con.execute(sql)


def test_sums_without_room_wait_until_no_other_file_is_being_finished(tmp_path):
    alone = threading.Lock()
    con = Scarce(connect(Limits()), alone, [])
    write(tmp_path / "made", 5_000, duckdb.connect())
    with ThreadPoolExecutor(1) as pool:
        workers = WorkerPool(pool, ahead=1, piece_bytes=1 << 20, memory_lock=alone)
        capture = Capture(tmp_path / "made", keep_packets=Keep.ALL)
        (export, *_) = [f for f in discover(capture) if f.kind == "packets"]
        tables = InputTables(tmp_path / "out", silent=True)
        tables.folder.mkdir()
        found = CaptureReader(con, tables, capture)._read_packets(workers, export)
    assert con.refused
    assert found["kept_count"] == found["row_count"] - found["rejected_count"] > 0
    assert rows(tmp_path / "out", "conversations")
