"""Every table and column, declared once with type, unit and meaning, for the lake, the SQL, the checks and the docs."""

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
    """Return a hash of 8 hex digits over the columns of the tables."""
    columns = [(t.name, t.partitions, [(c.name, c.type) for c in t.columns]) for t in tables]
    return sha1(repr(columns).encode(), usedforsecurity=False).hexdigest()[:8]


# A lake is readable only if it was written with the same hashes: of the input tables and of the result tables.
SHAPES: dict[str, str] = {
    "inputs": _shape(TABLES[name] for name in INPUT_TABLES),
    "results": _shape(t for name, t in TABLES.items() if name not in INPUT_TABLES),
}


def schema_text() -> str:
    """Return every table and column with type and meaning, as text."""
    lines = []
    for table in TABLES.values():
        lines += [f"{table.name}: one row per {table.grain}; key {', '.join(table.key)}"]
        lines += [f"  {c.name:<24}{c.type:<9}{c.about}" for c in table.columns] + [""]
    return "\n".join(lines)
