"""The SQL models, one SELECT per file of sql/: reads their headers, orders them by dependency, and builds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from pipeline import resources
from pipeline.errors import HopscopeError
from pipeline.schema import TABLES
from pipeline.store.duckdb_engine import (
    column_list,
    create_table,
    create_view,
    identifier,
    parquet_select,
    write_sorted,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipeline.store.duckdb_engine import Connection

# A regex finds the tables that a model reads: a parser takes a quarter of a second for all models. Tests compare both.
_READ, _NAMED = re.compile(r"(?<!DISTINCT )\b(?:FROM|JOIN)\s+(\w+)"), re.compile(r"(\w+) AS \(")


@dataclass(frozen=True, slots=True)
class Model:
    """One SELECT: `name` is the table or view that it makes; `needs` are the tables that it reads.

    `stored` models are written to the lake.
    """

    name: str
    sql: str
    about: str
    grain: str
    key: tuple[str, ...]
    stage: str
    stored: bool
    is_view: bool
    needs: frozenset[str]


@cache
def all_models() -> dict[str, Model]:
    """Return every model of sql/, by name."""
    texts = {p.stem: p.read_text(encoding="utf-8") for p in resources.models()}
    return {name: _model(name, text) for name, text in texts.items()}


def build(con: Connection, wanted: Iterable[str], folder: Path) -> None:
    """Build the wanted models and the models that they need; a table or view that exists is not built again.

    Stored models are written to `folder`, and read from there.

    Raises:
        HopscopeError: two rows of a stored model have the same key.
    """
    names = "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal"
    existing = {str(name) for (name,) in con.sql(names).fetchall()}
    for model in in_order(wanted):
        if model.name in existing:
            continue
        if model.is_view:
            create_view(con, model.name, model.sql)
        elif model.stored:
            create_view(con, model.name, store(con, model.name, model.sql, folder))
            _check_key(con, model)
        else:
            create_table(con, model.name, model.sql)


def store(con: Connection, name: str, select: str, folder: Path) -> str:
    """Write the rows of a result table in the order of its time and key; return a SELECT that reads them."""
    table, path = TABLES[name], folder / name / "part.parquet"
    time = ["start_us NULLS LAST"] * ("start_us" in table.names)
    order = ", ".join([*time, *(k for k in table.key if k not in table.partitions)])
    columns = column_list(table, skip=table.partitions)
    write_sorted(con, f"SELECT {columns} FROM ({select})", order, path)
    return parquet_select(table, [path], skip=table.partitions)


def in_order(wanted: Iterable[str]) -> list[Model]:
    """Return the wanted models and all that they need, each after the models that it needs."""
    models = {name: m for name, m in all_models().items() if m.stage != "ingest"}
    graph: dict[str, frozenset[str]] = {}
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name in models and name not in graph:
            graph[name] = models[name].needs & models.keys()
            todo += graph[name]
    return [models[name] for name in TopologicalSorter({k: sorted(graph[k]) for k in sorted(graph)}).static_order()]


def _check_key(con: Connection, model: Model) -> None:
    key = ", ".join(model.key)
    rows = con.sql(f"SELECT {key}, COUNT(*) FROM {identifier(model.name)} GROUP BY ALL HAVING COUNT(*) > 1 LIMIT 1")
    if repeated := rows.fetchall():
        message = f"the model {model.name} made two rows with one key ({key}): {repeated[0][:-1]}"
        raise HopscopeError(message, hint="this is a defect of hopscope; please report it")


def _model(name: str, text: str) -> Model:
    header = {word: " ".join(lines) for word, lines in resources.header(text).items()}
    return Model(
        name=name,
        sql=text,
        about=header.get("about", ""),
        grain=header.get("grain", ""),
        key=tuple(c.strip() for c in header.get("key", "").split(",") if c.strip()),
        stage=header.get("stage", "label"),
        stored="store" not in header,
        is_view=header.get("store") == "view",
        needs=frozenset(_READ.findall(text)) - set(_NAMED.findall(text)),
    )
