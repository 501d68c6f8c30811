"""The SELECTs of sql/: what each says of itself, the order they stand in, and building them."""

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

# Found by their words: a parser takes a quarter of a second for all models.
_READ, _NAMED = re.compile(r"(?<!DISTINCT )\b(?:FROM|JOIN)\s+(\w+)"), re.compile(r"(\w+) AS \(")


@dataclass(frozen=True, slots=True)
class Model:
    """One SELECT: its name is the table, or else view, it makes; `needs` are the tables it reads.

    `stored` ones go to the lake.
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
    """Every model of sql/, by name."""
    texts = {p.stem: p.read_text(encoding="utf-8") for p in resources.models()}
    return {name: _model(name, text) for name, text in texts.items()}


def build(con: Connection, wanted: Iterable[str], folder: Path) -> None:
    """Build the wanted models, and the models they need; those already there are taken as they are.

    What goes to the lake is written to `folder`, and read from there.

    Raises:
        HopscopeError: rows of a model that goes to the lake are not told apart by its key.
    """
    names = "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal"
    there = {str(name) for (name,) in con.sql(names).fetchall()}
    for model in in_order(wanted):
        if model.name in there:
            continue
        if model.is_view:
            create_view(con, model.name, model.sql)
        elif model.stored:
            create_view(con, model.name, store(con, model.name, model.sql, folder))
            _check_key(con, model)
        else:
            create_table(con, model.name, model.sql)


def store(con: Connection, name: str, select: str, folder: Path) -> str:
    """Write the rows of a result table in the order of its time and key; the SELECT that reads them again."""
    table, path = TABLES[name], folder / name / "part.parquet"
    time = ["start_us NULLS LAST"] * ("start_us" in table.names)
    order = ", ".join([*time, *(k for k in table.key if k not in table.partitions)])
    columns = column_list(table, skip=table.partitions)
    write_sorted(con, f"SELECT {columns} FROM ({select})", order, path)
    return parquet_select(table, [path], skip=table.partitions)


def in_order(wanted: Iterable[str]) -> list[Model]:
    """The wanted models and all they need, each after what it needs."""
    models = {name: m for name, m in all_models().items() if m.stage != "ingest"}
    graph: dict[str, frozenset[str]] = {}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in models and name not in graph:
            graph[name] = models[name].needs & models.keys()
            waiting += graph[name]
    return [models[name] for name in TopologicalSorter({k: sorted(graph[k]) for k in sorted(graph)}).static_order()]


def _check_key(con: Connection, model: Model) -> None:
    key = ", ".join(model.key)
    rows = con.sql(f"SELECT {key}, COUNT(*) FROM {identifier(model.name)} GROUP BY ALL HAVING COUNT(*) > 1 LIMIT 1")
    if twice := rows.fetchall():
        message = f"sql/{model.name}.sql made two rows with one key ({key}): {twice[0][:-1]}"
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
