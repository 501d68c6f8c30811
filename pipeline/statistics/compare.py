"""Compare two runs: what changed, and whether chance could have done it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline.statistics import significance
from pipeline.statistics.measures import read_measures
from pipeline.statistics.significance import ALPHA

if TYPE_CHECKING:
    from pipeline.schema import Row
    from pipeline.store.duckdb_engine import Connection

_COLUMNS = {
    "service": "VARCHAR",
    "measure": "VARCHAR",
    "value_a": "DOUBLE",
    "value_b": "DOUBLE",
    "count_a": "BIGINT",
    "count_b": "BIGINT",
    "difference": "DOUBLE",
    "low": "DOUBLE",
    "high": "DOUBLE",
    "p_value": "DOUBLE",
    "changed": "BOOLEAN",
}
_COUNTS = {
    "pods": "SELECT run, service, served_by AS name, connection_count, choice_count FROM expected_shares ORDER BY ALL",
    "nodes": "SELECT run, service, node AS name, connection_count, CASE WHEN client_count < all_client_count * 1.1 "
    "THEN client_count ELSE connection_count END AS choice_count FROM distribution_arrivals ORDER BY ALL",
}


def compare(con: Connection, first: str, second: str) -> list[Row]:
    """The differences of two runs that `con` shows, those beyond chance first.

    One row per service and measure, and per service one for its pods and one for its nodes. P-values are adjusted for
    the number of rows by Holm's method.
    """
    rows = [*_compare_measures(con, first, second)]
    rows += [row for kind in _COUNTS for row in _compare_counts(con, kind, first, second)]
    tested = [row for row in rows if row["p_value"] is not None]
    for row, p_value in zip(tested, significance.holm([float(str(r["p_value"])) for r in tested]), strict=True):
        row["p_value"] = p_value
        row["changed"] = p_value < ALPHA
    return sorted(rows, key=lambda r: (not r["changed"], str(r["service"] or ""), str(r["measure"])))


def create_table(con: Connection, rows: list[Row]) -> None:
    """Create the table `differences` in `con`."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE differences ({', '.join(f'{n} {t}' for n, t in _COLUMNS.items())})")
    if rows:
        values = ", ".join("?" * len(_COLUMNS))
        con.executemany(
            f"INSERT INTO differences VALUES ({values})", [[row[name] for name in _COLUMNS] for row in rows]
        )


def _compare_measures(con: Connection, first: str, second: str) -> list[Row]:
    by_measure: dict[tuple[str | None, str], dict[str, Row]] = defaultdict(dict)
    for row in read_measures(con):
        if row["whole_count"]:
            by_measure[row["service"], row["measure"]][row["run"]] = row
    return [
        _compare_measure(service, measure, runs[first], runs[second])
        for (service, measure), runs in by_measure.items()
        if first in runs and second in runs
    ]


def _compare_measure(service: str | None, measure: str, a: Row, b: Row) -> Row:
    (part_a, whole_a), (part_b, whole_b) = _effective_counts(a), _effective_counts(b)
    row: Row = {"service": service, "measure": measure, "value_a": a["value"], "value_b": b["value"]}
    row |= {"count_a": a["whole_count"], "count_b": b["whole_count"], "difference": None, "low": None, "high": None}
    if min(whole_a, whole_b) < 1:
        return row | {"p_value": None, "changed": False}
    d = significance.difference(part_a, whole_a, part_b, whole_b)
    return row | {"difference": d.value, "low": d.low, "high": d.high, "p_value": d.p_value, "changed": False}


def _effective_counts(row: Row) -> tuple[float, float]:
    """Part and whole, scaled down to the number of choices: what affinity keeps together was chosen once."""
    whole, choices = float(str(row["whole_count"])), float(str(row["choice_count"]))
    return round(float(str(row["part_count"])) * choices / whole), choices


def _compare_counts(con: Connection, kind: str, first: str, second: str) -> list[Row]:
    """One row per service that is in both runs: whether its pods, or nodes, had the same shares."""
    counts: dict[str, dict[str, dict[str, Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in con.sql(_COUNTS[kind]).to_dicts():
        counts[row["service"]][row["run"]][row["name"]] = row
    return [
        _compare_shares(service, kind, runs[first], runs[second])
        for service, runs in counts.items()
        if first in runs and second in runs
    ]


def _compare_shares(service: str, kind: str, first: dict[str, Row], second: dict[str, Row]) -> Row:
    import numpy as np

    names = sorted(first.keys() | second.keys())
    choices, connections = (
        [np.array([_count(run.get(name), column) for name in names]) for run in (first, second)]
        for column in ("choice_count", "connection_count")
    )
    test = significance.homogeneity_test(*choices)
    highest_shares = [float(c.max() / c.sum()) if c.sum() else None for c in connections]
    has_same_names = first.keys() == second.keys()  # a pod of another name is another pod
    return {
        "service": service,
        "measure": f"busiest of {kind}",
        "value_a": highest_shares[0],
        "value_b": highest_shares[1],
        "count_a": int(connections[0].sum()),
        "count_b": int(connections[1].sum()),
        "difference": None,
        "low": None,
        "high": None,
        "p_value": float(test.p_value[0]) if has_same_names else None,
        "changed": False,
    }


def _count(row: Row | None, column: str) -> float:
    return float(str(row[column])) if row else 0.0
