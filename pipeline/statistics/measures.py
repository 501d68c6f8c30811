"""The shares that thresholds check and runs are compared by: reports/measures.sql, of each service and each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import resources

if TYPE_CHECKING:
    from pipeline.store.duckdb_engine import Connection

MEASURES = (
    "forwarded_share",
    "snat_forwarded_share",
    "client_kept_share",
    "unlabelled_share",
    "dropped_share",
    "pinned_share",
    "moved_share",
    "rejected_share",
    "snat_ports_share",
    "p_value",
    "peak_ratio",
    "jain_index",
)


def read_measures(con: Connection) -> list[dict[str, Any]]:
    """One row per run, service (None: the run as a whole) and measure."""
    return con.sql((resources.folder("reports") / "measures.sql").read_text(encoding="utf-8")).to_dicts()
