"""A database that holds a few rows of the tables that a model reads, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.config import Limits
from pipeline.schema import TABLES
from pipeline.store import sql_models
from pipeline.store.duckdb_engine import connect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, object]
RULE_SERVERS = "node VARCHAR, protocol VARCHAR, ip VARCHAR, port INTEGER"  # made by Python, and not stored


def built(model: str, given: Mapping[str, Sequence[Row]]) -> list[Row]:
    """The rows that a model makes of the given tables, which may be models too; other tables are empty."""
    import polars as pl

    con = connect(Limits())
    every = {name: m for name, m in sql_models.all_models().items() if m.stage != "ingest"}
    wanted, waiting = set[str](), [model]
    while waiting:
        name = waiting.pop()
        if name in every and name not in given:
            wanted.add(name)
            waiting += every[name].needs
        elif name in given and name not in TABLES:
            con.register(name, pl.DataFrame(given[name], infer_schema_length=None))
        else:
            columns = RULE_SERVERS
            if name != "rule_servers":
                columns = ", ".join(f"{c.name} {c.type}" for c in TABLES[name].columns if c.name != "run")
            con.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
    for name in given.keys() & TABLES.keys():
        for row in given[name]:
            con.execute(
                f"INSERT INTO {name} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
            )
    for one in sql_models.in_order([model]):
        if one.name in wanted:
            con.execute(f"CREATE TABLE {one.name} AS {one.sql}")
    return con.sql(f"FROM {model} ORDER BY ALL").to_dicts()


def called(rows: Sequence[Row]) -> dict[str, Sequence[Row]]:
    """The tables `legs` and `roles` of legs that say whose they are themselves."""
    calls = [{word: row.get(word) for word in _CALL} for row in rows]
    numbers = [calls.index(call) for call in calls]
    return {
        "legs": [row | {"client_socket_number": number} for row, number in zip(rows, numbers, strict=True)],
        "client_socket_context": [calls[number] | {"client_socket_number": number} for number in sorted(set(numbers))],
    }


_CALL = ("node", "src_ip", "protocol", "dst_ip", "dst_port")
