"""Every table and column, declared once: type, unit, meaning. The lake, the SQL, the checks and the docs read it."""

from __future__ import annotations

from pipeline.schema import decisions, inputs, marts, objects, results, verdicts
from pipeline.schema.declare import Column, Row, Table
from pipeline.schema.words import DOUBTS, EVIDENCE, LABELS, PARTS, REASONS

INPUT_TABLES: tuple[str, ...] = tuple(t.name for t in (*inputs.TABLES, *objects.TABLES))
TABLES: dict[str, Table] = {
    t.name: t for part in (inputs, objects, decisions, results, marts, verdicts) for t in part.TABLES
}

__all__ = [
    "DOUBTS",
    "EVIDENCE",
    "INPUT_TABLES",
    "LABELS",
    "PARTS",
    "REASONS",
    "TABLES",
    "Column",
    "Row",
    "Table",
    "schema_text",
]


def schema_text() -> str:
    """Every table and column with type and meaning."""
    lines = []
    for table in TABLES.values():
        lines += [f"{table.name}: one row per {table.grain}; key {', '.join(table.key)}"]
        lines += [f"  {c.name:<24}{c.type:<9}{c.about}" for c in table.columns] + [""]
    return "\n".join(lines)
