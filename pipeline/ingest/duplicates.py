"""Two exports of the same packets: of each conversation, what the export says that tells more of it is used."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from pipeline.schema.findings import Finding
from pipeline.store import sql_models
from pipeline.store.duckdb_engine import literal, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.schema import Row
    from pipeline.store.duckdb_engine import Connection

_SAMPLE = 500
_ORDERED = 0.9


def leave_out(con: Connection, folder: Path, captures: Sequence[Row]) -> Iterator[Row]:
    """Take out of each export what another of its node tells better, and correct its counts; a finding for each."""
    by_node: dict[object, list[Row]] = defaultdict(list)
    for c in captures:
        if c["kind"] == "packets" and c["kept_count"] and files(folder, "conversations", c["capture_id"]):
            by_node[c["node"]].append(c)
    for together in by_node.values():
        pairs = [*_alike_in_time(con, folder, together), *_alike_in_order(con, folder, together)]
        for one, two in pairs:
            if one["kept_count"] and two["kept_count"]:
                yield from _settle(con, folder, one, two)
    con.execute("DROP VIEW IF EXISTS temp.conversations")


def files(folder: Path, table: str, capture_id: object) -> list[Path]:
    """The Parquet files that one export gave to a table."""
    return sorted((folder / table).glob(f"*/{capture_id}*.parquet"))


def _alike_in_time(con: Connection, folder: Path, captures: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Exports, one of which has most of what the other should have too, at the same microsecond."""
    timed = [c for c in captures if c.get("first_us") is not None]
    for one, two in combinations(timed, 2):
        begin = max(int(str(c["first_us"])) for c in (one, two))
        end = min(int(str(c["last_us"])) for c in (one, two))
        if begin <= end and any(_has_most(con, folder, *p, begin, end) for p in ((one, two), (two, one))):
            yield one, two


def _has_most(con: Connection, folder: Path, whole: Row, part: Row, begin: int, end: int) -> bool:
    """Whether one export has most of the first that another saw from `begin` to `end`."""
    ((found, sample),) = con.sql(
        f"""WITH firsts AS (
          SELECT * FROM ({_moments(folder, part)}) WHERE at_us BETWEEN {begin} AND {end} ORDER BY ALL LIMIT {_SAMPLE}
        )
        SELECT COUNT(*) FILTER (WHERE EXISTS (
          SELECT 1 FROM ({_moments(folder, whole)}) AS w
          WHERE w.at_us = f.at_us AND w.one_ip = f.one_ip AND w.other_ip = f.other_ip
            AND COALESCE(w.interface = f.interface, TRUE)
        )), COUNT(*) FROM firsts AS f"""
    ).fetchall()
    return bool(sample) and found * 2 > sample


def _moments(folder: Path, capture: Row) -> str:
    """When what was seen between two addresses: packets where they are kept, else begins and ends of conversations."""
    if paths := files(folder, "packets", capture["capture_id"]):
        ips = "LEAST(src_ip, dst_ip) AS one_ip, GREATEST(src_ip, dst_ip) AS other_ip"
        return f"SELECT ts_us AS at_us, {ips}, interface FROM {_parquet(paths)} WHERE src_ip IS NOT NULL"
    rest = "lower_ip AS one_ip, upper_ip AS other_ip, interface"
    known = _parquet(files(folder, "conversations", capture["capture_id"]))
    return f"SELECT start_us AS at_us, {rest} FROM {known} UNION ALL SELECT end_us, {rest} FROM {known}"


def _alike_in_order(con: Connection, folder: Path, captures: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Exports, one of which has no times, that have most of the first conversations in the same order."""
    if all(c.get("first_us") is not None for c in captures) or len(captures) < 2:
        return
    by_id = {c["capture_id"]: c for c in captures}
    _show(con, folder, captures)
    told = set()
    for one, two, found, sample, order in con.sql(
        "SELECT capture_id, other_id, matching_count, sample_count, order_correlation "
        f"FROM ({sql_models.all_models()['export_similarity'].sql}) ORDER BY ALL"
    ).fetchall():
        if found * 2 > sample and (order is None or order > _ORDERED) and frozenset((one, two)) not in told:
            told.add(frozenset((one, two)))
            yield by_id[one], by_id[two]


def _settle(con: Connection, folder: Path, one: Row, two: Row) -> Iterator[Row]:
    _show(con, folder, (one, two))
    duplicates = sql_models.all_models()["duplicate_conversations"].sql
    con.execute(f"CREATE OR REPLACE TEMP TABLE duplicate_conversations AS {duplicates}")
    counted = (
        "SELECT capture_id, CAST(SUM(packet_count) AS BIGINT) FROM duplicate_conversations GROUP BY ALL ORDER BY ALL"
    )
    gone = dict(con.sql(counted).fetchall())
    for capture, other in ((one, two), (two, one)):
        if count := gone.get(capture["capture_id"]):
            _take_out(con, folder, capture)
            capture["kept_count"] = int(str(capture["kept_count"])) - count
            capture["row_count"] = int(str(capture["row_count"])) - count
            if not files(folder, "conversations", capture["capture_id"]):
                capture |= {"row_count": 0, "kept_count": 0, "rejected_count": 0}
            yield _finding(capture, other, count)


def _take_out(con: Connection, folder: Path, capture: Row) -> None:
    """Write the files of an export without its duplicates; delete them if no conversation is left."""
    name = capture["capture_id"]
    (conversations,) = files(folder, "conversations", name)
    left = (
        "SELECT c.* FROM {} AS c ANTI JOIN duplicate_conversations AS d "
        "ON d.capture_id = c.capture_id AND d.first_line = c.first_line"
    )
    if not _rewrite(con, conversations, left.format(_parquet([conversations]))):
        rejects = (folder / "rejects").glob(f"{name}*.parquet")
        for path in (conversations, *(f for t in ("packets", "icmp_errors") for f in files(folder, t, name)), *rejects):
            path.unlink()
        return
    for path in files(folder, "packets", name):
        con.execute(f"CREATE OR REPLACE TEMP VIEW packets AS SELECT * FROM {_parquet([path])}")
        _rewrite(con, path, sql_models.all_models()["packets_without_duplicates"].sql)
    con.execute("DROP VIEW IF EXISTS temp.packets")


def _rewrite(con: Connection, path: Path, select: str) -> int:
    rest = path.with_suffix(".rest")
    count = write_parquet(con, select, rest)
    rest.replace(path)
    return count


def _show(con: Connection, folder: Path, captures: Iterable[Row]) -> None:
    """Make the view `conversations` stand for those of some exports."""
    paths = [p for c in captures for p in files(folder, "conversations", c["capture_id"])]
    con.execute(f"CREATE OR REPLACE TEMP VIEW conversations AS SELECT * FROM {_parquet(paths)}")


def _parquet(paths: Sequence[Path]) -> str:
    listed = ", ".join(literal(str(p)) for p in paths)
    return f"read_parquet([{listed}], hive_partitioning = false)"


def _finding(capture: Row, other: Row, count: int) -> Row:
    left = int(str(capture["kept_count"]))
    rest = f"its other {left} are used" if left else "no other is in it"
    message = f"{count} of its packets are in {other['file']} too, which tells more of them; {rest}"
    remedy = "nothing to do: each packet is counted once" if left else "keep one of the two files"
    return Finding.declared("same-packets", message, remedy).row(capture["node"], capture["file"])
