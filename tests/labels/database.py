"""A database that holds a few rows of the tables that a model reads, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import models
from pipeline.config import Limits
from pipeline.engines.duckdb import connect
from pipeline.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, object]


def built(model: str, tables: dict[str, Sequence[Row]]) -> list[Row]:
    """The rows that a model makes of these; columns not given are NULL, tables not given are empty."""
    con = connect(Limits())
    every = models.all_models()
    for name in {t for m in models.in_order([model]) for t in m.needs} - every.keys() | tables.keys():
        declared = ", ".join(f"{c.name} {c.type}" for c in TABLES[name].columns)
        con.execute(f"CREATE TABLE {name} ({declared})")
        for row in tables.get(name, ()):
            holders = ", ".join("?" * len(row))
            con.execute(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({holders})", list(row.values()))
    models.build(con, [model])
    return con.sql(f"FROM {model} ORDER BY ALL").to_dicts()
