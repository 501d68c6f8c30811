"""What questions about ten million connections cost: in a process that has asked before, and in a new one."""

from __future__ import annotations

import re
import statistics
import time
from typing import TYPE_CHECKING

from pipeline.config import Limits
from pipeline.query.session import open_lake
from pipeline.store.duckdb_engine import connect, write_parquet
from pipeline.store.lake import Lake
from tests.bench.cost import cost, hopscope, tell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONNECTIONS = 10_000_000
_TIMES = 7
_SCANNED = re.compile(r"Row Groups Scanned: *(\d+) */ *(\d+)")
_GOALS = {"shares of the labels": "100 / 300"}
GUEST = "192.0.2.7"
QUESTIONS = {
    "shares of the labels": "SELECT label, COUNT(*) FROM connections GROUP BY ALL",
    "p99 of duration by service": "SELECT service, QUANTILE_CONT(end_us - start_us, 0.99) FROM connections GROUP BY 1",
    "ten busiest clients": (
        "SELECT client_ip, COUNT(*) AS n FROM connections GROUP BY ALL ORDER BY n DESC, client_ip LIMIT 10"
    ),
    "one client, always there": "SELECT label, COUNT(*) FROM connections WHERE client_ip = '203.0.113.7' GROUP BY 1",
    "one client, there for a while": f"SELECT label, COUNT(*) FROM connections WHERE client_ip = '{GUEST}' GROUP BY 1",
    "one second": (
        "SELECT label, COUNT(*) FROM connections WHERE start_us BETWEEN {second} AND {second} + 999999 GROUP BY ALL"
    ),
    "connections by minute": "SELECT start_us // 60000000 AS minute, COUNT(*) FROM connections GROUP BY 1 ORDER BY 1",
}


def show(lake: Path) -> None:
    """The table; the lake's connections are repeated, one copy after the other in time, until there are enough."""
    tell(f"asking about {CONNECTIONS:,} connections")
    first_us = _grow(lake)
    con = open_lake(Lake(lake), Limits())
    print(f"\n#### Questions over {CONNECTIONS:,} connections\n")
    print(
        "| question | warm ms | in a new process ms | goal ms | row groups read |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for name, text in QUESTIONS.items():
        sql = text.format(second=first_us + 1_000_000)
        (plan,) = con.sql(f"EXPLAIN ANALYZE {sql}").fetchall()
        scanned = _SCANNED.search(str(plan[1]))
        warm = statistics.median(_milliseconds(lambda sql=sql: con.sql(sql).fetchall()) for _ in range(_TIMES))
        new = statistics.median(cost(hopscope("sql", sql, "--lake", str(lake))).wall_s * 1000 for _ in range(_TIMES))
        groups = f"{scanned[1]} of {scanned[2]}" if scanned else "all"
        print(f"| {name} | {warm:,.0f} | {new:,.0f} | {_GOALS.get(name, '')} | {groups} |", flush=True)
    con.close()


def _grow(lake: Path) -> int:
    """Repeat the connections; when the first starts. In one copy, one of its clients has another address."""
    con = connect(Limits())
    (part,) = lake.glob("connections/run=*/part.parquet")
    counts = con.sql(f"SELECT COUNT(*), MIN(start_us), MAX(end_us) FROM '{part}'").fetchall()
    ((count, first_us, last_us),) = counts
    copies, span = -(-CONNECTIONS // count), last_us - first_us + 1
    grown = part.with_name("grown")
    moved = ", ".join(f"{c} + i * {span} AS {c}" for c in ("start_us", "end_us"))
    guest = f"CASE WHEN i = 1 AND client_ip = '203.0.113.8' THEN '{GUEST}' ELSE client_ip END AS client_ip"
    write_parquet(
        con, f"SELECT * REPLACE ({moved}, {guest}) FROM '{part}', range({copies}) AS t(i) ORDER BY start_us", grown
    )
    con.close()
    grown.replace(part)
    return int(first_us)


def _milliseconds(ask: Callable[[], object]) -> float:
    start = time.perf_counter()
    ask()
    return (time.perf_counter() - start) * 1000
