"""Every table and column, declared once: type, unit, meaning. The lake, the SQL, the checks and the docs read it."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING

from pipeline.schema import decisions, from_sql, inputs, objects, verdicts
from pipeline.schema.declare import Column, Row, Table
from pipeline.schema.labels import LABELS
from pipeline.schema.words import DOUBTS, EVENTS, EVIDENCE, PARTS, REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable

INPUT_TABLES: tuple[str, ...] = tuple(t.name for t in (*inputs.TABLES, *objects.TABLES))
TABLES: dict[str, Table] = {t.name: t for part in (inputs, objects, decisions, from_sql, verdicts) for t in part.TABLES}

__all__ = [
    "DOUBTS",
    "EVENTS",
    "EVIDENCE",
    "INPUT_TABLES",
    "LABELS",
    "PARTS",
    "REASONS",
    "SHAPES",
    "TABLES",
    "Column",
    "Row",
    "Table",
    "schema_text",
]


def _shape(tables: Iterable[Table]) -> str:
    """8 hex digits that tell tables with other columns apart."""
    columns = [(t.name, t.partitions, [(c.name, c.type) for c in t.columns]) for t in tables]
    return sha1(repr(columns).encode(), usedforsecurity=False).hexdigest()[:8]


# What a lake's files must have been written by to be read: of what was read in, and of what was made of it.
SHAPES: dict[str, str] = {
    "inputs": _shape(TABLES[name] for name in INPUT_TABLES),
    "results": _shape(t for name, t in TABLES.items() if name not in INPUT_TABLES),
}


def schema_text() -> str:
    """Every table and column with type and meaning."""
    lines = []
    for table in TABLES.values():
        lines += [f"{table.name}: one row per {table.grain}; key {', '.join(table.key)}"]
        lines += [f"  {c.name:<24}{c.type:<9}{c.about}" for c in table.columns] + [""]
    return "\n".join(lines)
