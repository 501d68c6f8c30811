"""Removes duplicates: if two exports of a node hold the same packets, each conversation is kept in one of them.

The export with more information about a conversation keeps it. Exports are compared by time, and by order if one has no
times.
"""

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

_SAMPLE = 500  # packets that are compared
_SAME_ORDER = 0.9  # least rank correlation of conversations


def leave_out(con: Connection, folder: Path, captures: Sequence[Row]) -> Iterator[Row]:
    """Remove the duplicates from each export, and correct its counts in `captures`; yield a finding for each export."""
    by_node: dict[object, list[Row]] = defaultdict(list)
    for c in captures:
        if c["kind"] == "packets" and c["kept_count"] and files(folder, "conversations", c["capture_id"]):
            by_node[c["node"]].append(c)
    for exports in by_node.values():
        pairs = [*_pairs_by_time(con, folder, exports), *_pairs_by_order(con, folder, exports)]
        for first, second in pairs:
            if first["kept_count"] and second["kept_count"]:
                yield from _remove_duplicates(con, folder, first, second)
    con.execute("DROP VIEW IF EXISTS temp.conversations")


def files(folder: Path, table: str, capture_id: object) -> list[Path]:
    """Return the Parquet files of a table with the rows of one export."""
    return sorted((folder / table).glob(f"*/{capture_id}*.parquet"))


def _pairs_by_time(con: Connection, folder: Path, exports: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Pairs of exports in which one has most packets of the other, at the same microsecond."""
    timed = [e for e in exports if e.get("first_us") is not None]
    for first, second in combinations(timed, 2):
        begin = max(int(str(e["first_us"])) for e in (first, second))
        end = min(int(str(e["last_us"])) for e in (first, second))
        if begin <= end and any(
            _contains_most(con, folder, *pair, begin, end) for pair in ((first, second), (second, first))
        ):
            yield first, second


def _contains_most(con: Connection, folder: Path, whole: Row, part: Row, begin: int, end: int) -> bool:
    """Whether `whole` has most of the first packets that `part` has from `begin` to `end`, in microseconds."""
    ((matching_count, sample_count),) = con.sql(
        f"""WITH firsts AS (
          SELECT * FROM ({_moments(folder, part)}) WHERE at_us BETWEEN {begin} AND {end} ORDER BY ALL LIMIT {_SAMPLE}
        )
        SELECT COUNT(*) FILTER (WHERE EXISTS (
          SELECT 1 FROM ({_moments(folder, whole)}) AS w
          WHERE w.at_us = f.at_us AND w.one_ip = f.one_ip AND w.other_ip = f.other_ip
            AND COALESCE(w.interface = f.interface, TRUE)
        )), COUNT(*) FROM firsts AS f"""
    ).fetchall()
    return bool(sample_count) and matching_count * 2 > sample_count


def _moments(folder: Path, capture: Row) -> str:
    """A SELECT of times with two addresses: of packets if they are kept, else of starts and ends of conversations."""
    if paths := files(folder, "packets", capture["capture_id"]):
        ips = "LEAST(src_ip, dst_ip) AS one_ip, GREATEST(src_ip, dst_ip) AS other_ip"
        return f"SELECT ts_us AS at_us, {ips}, interface FROM {_parquet(paths)} WHERE src_ip IS NOT NULL"
    columns = "lower_ip AS one_ip, upper_ip AS other_ip, interface"
    conversations = _parquet(files(folder, "conversations", capture["capture_id"]))
    starts = f"SELECT start_us AS at_us, {columns} FROM {conversations}"
    return f"{starts} UNION ALL SELECT end_us, {columns} FROM {conversations}"


def _pairs_by_order(con: Connection, folder: Path, exports: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Pairs of exports, one of them without times, that have most of the first conversations in the same order."""
    if all(e.get("first_us") is not None for e in exports) or len(exports) < 2:
        return
    by_id = {e["capture_id"]: e for e in exports}
    _create_conversations_view(con, folder, exports)
    pairs = set()
    for first, second, matching_count, sample_count, order in con.sql(
        "SELECT capture_id, other_id, matching_count, sample_count, order_correlation "
        f"FROM ({sql_models.all_models()['export_similarity'].sql}) ORDER BY ALL"
    ).fetchall():
        is_same = matching_count * 2 > sample_count and (order is None or order > _SAME_ORDER)
        if is_same and frozenset((first, second)) not in pairs:
            pairs.add(frozenset((first, second)))
            yield by_id[first], by_id[second]


def _remove_duplicates(con: Connection, folder: Path, first: Row, second: Row) -> Iterator[Row]:
    _create_conversations_view(con, folder, (first, second))
    duplicates = sql_models.all_models()["duplicate_conversations"].sql
    con.execute(f"CREATE OR REPLACE TEMP TABLE duplicate_conversations AS {duplicates}")
    counted = (
        "SELECT capture_id, CAST(SUM(packet_count) AS BIGINT) FROM duplicate_conversations GROUP BY ALL ORDER BY ALL"
    )
    removed = dict(con.sql(counted).fetchall())
    for capture, other in ((first, second), (second, first)):
        if count := removed.get(capture["capture_id"]):
            _rewrite_files(con, folder, capture)
            capture["kept_count"] = int(str(capture["kept_count"])) - count
            capture["row_count"] = int(str(capture["row_count"])) - count
            if not files(folder, "conversations", capture["capture_id"]):
                capture |= {"row_count": 0, "kept_count": 0, "rejected_count": 0}
            yield _finding(capture, other, count)


def _rewrite_files(con: Connection, folder: Path, capture: Row) -> None:
    """Write the files of an export again without its duplicates; delete them if no conversation is left."""
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
    new = path.with_suffix(".new")
    count = write_parquet(con, select, new)
    new.replace(path)
    return count


def _create_conversations_view(con: Connection, folder: Path, exports: Iterable[Row]) -> None:
    """Create the view `conversations` over those of some exports."""
    paths = [p for e in exports for p in files(folder, "conversations", e["capture_id"])]
    con.execute(f"CREATE OR REPLACE TEMP VIEW conversations AS SELECT * FROM {_parquet(paths)}")


def _parquet(paths: Sequence[Path]) -> str:
    listed = ", ".join(literal(str(p)) for p in paths)
    return f"read_parquet([{listed}], hive_partitioning = false)"


def _finding(capture: Row, other: Row, count: int) -> Row:
    left = int(str(capture["kept_count"]))
    others = f"its other {left} are used" if left else "it has no others"
    message = f"{count} of its packets are in {other['file']} too, with more information; {others}"
    remedy = "nothing to do: each packet is counted once" if left else "keep one of the two files"
    return Finding.declared("same-packets", message, remedy).row(capture["node"], capture["file"])
