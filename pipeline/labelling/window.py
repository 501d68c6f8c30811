"""The window of a run (`--service`, `--since`, `--until`): which connections its results keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.diagnostics import warn
from pipeline.display import count, fine_moment
from pipeline.store import sql_models
from pipeline.store.duckdb_engine import create_table, literal

if TYPE_CHECKING:
    from pipeline.config import Window
    from pipeline.labelling.workspace import Workspace


def keep_window(work: Workspace, window: Window) -> None:
    """Remove connections outside the window, and their flows; a flow without a connection is kept by its own time.

    Reads and rewrites: connections, flows.
    """
    bounds = [(">=", window.since_us), ("<", window.until_us)]
    in_time = " AND ".join(f"start_us {sign} {us}" for sign, us in bounds if us is not None)
    services = ", ".join(literal(s) for s in window.services)
    if not in_time and not services:
        return
    if in_time:
        _warn_if_empty(work, in_time)
    of_service = f"COALESCE(service IN ({services}), FALSE)" if services else "TRUE"
    alone = "FALSE" if services else f"COALESCE({in_time}, TRUE)"
    _filter(work, "connections", f"COALESCE({in_time or 'TRUE'}, FALSE) AND {of_service}")
    kept = "connection_id IN (SELECT connection_id FROM connections)"
    _filter(work, "flows", f"CASE WHEN connection_id IS NULL THEN {alone} ELSE {kept} END")


def _warn_if_empty(work: Workspace, in_time: str) -> None:
    """Warn if no connection starts in the window, with the times at which connections start."""
    counts = f"SELECT COUNT(*), COUNT(CASE WHEN {in_time} THEN 1 END), MIN(start_us), MAX(start_us) FROM connections"
    ((total, kept, first_us, last_us),) = work.con.sql(counts).fetchall()
    if total and not kept:
        hint = "the captures have no times"
        if first_us is not None:
            hint = f"they start from {fine_moment(first_us)} to {fine_moment(last_us)} UTC"
        warn(f"none of the {count(total, 'connection')} starts between --since and --until", hint=hint)


def _filter(work: Workspace, table: str, condition: str) -> None:
    """Store a table again with only the rows that meet the condition."""
    create_table(work.con, f"kept_{table}", f"SELECT * FROM {table} WHERE {condition}")
    sql_models.store(work.con, table, f"SELECT * FROM kept_{table}", work.folder)
    work.con.execute(f"DROP TABLE kept_{table}")
