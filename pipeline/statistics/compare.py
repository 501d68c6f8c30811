"""Two runs held against each other: what changed, and whether chance could have done it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline import resources
from pipeline.statistics import significance
from pipeline.statistics.significance import ALARM

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
_SPREADS = {
    "pods": "SELECT run, service, served_by AS name, connection_count, choice_count FROM expected_shares ORDER BY ALL",
    "nodes": "SELECT run, service, node AS name, connection_count, CASE WHEN client_count < all_client_count * 1.1 "
    "THEN client_count ELSE connection_count END AS choice_count FROM distribution_arrivals ORDER BY ALL",
}


def compare(con: Connection, first: str, second: str) -> list[Row]:
    """One row a measure, and one a spread, of each service; `con` shows both runs."""
    rows = [*_measures(con, first, second), *(r for kind in _SPREADS for r in _spreads(con, kind, first, second))]
    tested = [r for r in rows if r["p_value"] is not None]
    for row, p_value in zip(tested, significance.holm([float(str(r["p_value"])) for r in tested]), strict=True):
        row["p_value"] = p_value
        row["changed"] = p_value < ALARM
    return sorted(rows, key=lambda r: (not r["changed"], str(r["service"] or ""), str(r["measure"])))


def _measures(con: Connection, first: str, second: str) -> list[Row]:
    """Shares of both runs; what affinity keeps together counts as often as it was chosen."""
    query = (resources.folder("reports") / "measures.sql").read_text(encoding="utf-8")
    known: dict[tuple[str | None, str], dict[str, Row]] = defaultdict(dict)
    for row in con.sql(query).to_dicts():
        if row["whole_count"]:
            known[row["service"], row["measure"]][row["run"]] = row
    return [
        _measure(service, measure, runs[first], runs[second])
        for (service, measure), runs in known.items()
        if first in runs and second in runs
    ]


def _measure(service: str | None, measure: str, a: Row, b: Row) -> Row:
    (part_a, whole_a), (part_b, whole_b) = _weighed(a), _weighed(b)
    row: Row = {"service": service, "measure": measure, "value_a": a["value"], "value_b": b["value"]}
    row |= {"count_a": a["whole_count"], "count_b": b["whole_count"], "difference": None, "low": None, "high": None}
    if min(whole_a, whole_b) < 1:
        return row | {"p_value": None, "changed": False}
    d = significance.difference(part_a, whole_a, part_b, whole_b)
    return row | {"difference": d.value, "low": d.low, "high": d.high, "p_value": d.p_value, "changed": False}


def _weighed(row: Row) -> tuple[float, float]:
    """Part and whole, made as small as the number of choices behind them."""
    whole, choices = float(str(row["whole_count"])), float(str(row["choice_count"]))
    return round(float(str(row["part_count"])) * choices / whole), choices


def _spreads(con: Connection, kind: str, first: str, second: str) -> list[Row]:
    """Whether a service's pods, or nodes, got the same shares in both runs."""
    import numpy as np

    counts: dict[str, dict[str, dict[str, Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in con.sql(_SPREADS[kind]).to_dicts():
        counts[row["service"]][row["run"]][row["name"]] = row
    rows: list[Row] = []
    for service, runs in counts.items():
        if first not in runs or second not in runs:
            continue
        names = sorted(runs[first].keys() | runs[second].keys())
        chosen, all_of = (
            [np.array([_count(runs[r].get(n), c) for n in names]) for r in (first, second)]
            for c in ("choice_count", "connection_count")
        )
        test = significance.same_test(*chosen)
        tops = [float(c.max() / c.sum()) if c.sum() else None for c in all_of]
        same_names = runs[first].keys() == runs[second].keys()  # a pod of another name is another pod
        rows.append(
            {
                "service": service,
                "measure": f"busiest of {kind}",
                "value_a": tops[0],
                "value_b": tops[1],
                "count_a": int(all_of[0].sum()),
                "count_b": int(all_of[1].sum()),
                "difference": None,
                "low": None,
                "high": None,
                "p_value": float(test.p_value[0]) if same_names else None,
                "changed": False,
            }
        )
    return rows


def _count(row: Row | None, column: str) -> float:
    return float(str(row[column])) if row else 0.0


def show(con: Connection, rows: list[Row]) -> None:
    """Let `con` show the differences as a table, `differences`."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE differences ({', '.join(f'{n} {t}' for n, t in _COLUMNS.items())})")
    if rows:
        marks = ", ".join("?" * len(_COLUMNS))
        con.executemany(f"INSERT INTO differences VALUES ({marks})", [[row[name] for name in _COLUMNS] for row in rows])
