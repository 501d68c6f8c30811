"""Runs the product on a made-up capture and holds what it says against what really happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake
from tests.labels.synthetic_cluster import BEGIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.labels.synthetic import Traffic, Truth
    from tests.labels.synthetic_cluster import Cluster

OPEN_WORDS = (None, "unknown", "hidden", "unlabelled")
Row = dict[str, Any]


def labelled(traffic: Traffic, folder: Path, rules: Cluster | None = None) -> list[Row]:
    """The connections the product makes of a capture."""
    traffic.write(folder / "capture", rules)
    lake = Lake(folder / "lake")
    run = run_whole(Job(Capture(folder / "capture"), lake), Window()).run
    return open_lake(lake, Limits(), run).sql("FROM connections ORDER BY start_us, connection_id").to_dicts()


def hold(traffic: Traffic, folder: Path, rules: Cluster | None = None) -> list[Row]:
    """Every connection once, no claim wrong, and each label as far as it can be decided; rows in the truths' order."""
    rows, pairs = labelled(traffic, folder, rules), []
    for truth in traffic.truths:
        row = min((r for r in rows if speaks_of(r, truth)), key=lambda r: abs(began(r) - truth.at), default=None)
        assert row is not None, f"not counted: {truth}"
        rows.remove(row)
        pairs.append((truth, row))
    assert not rows, "there were no such connections"
    wrong = [
        (truth.client, column, row[column], fact)
        for truth, row in pairs
        for column, fact in truth.facts.items()
        if row[column] not in OPEN_WORDS and row[column] != fact
    ]
    assert wrong == []
    if rules is None:
        assert [(r["label"], r["reason"]) for _, r in pairs] == [(t.label, t.reason) for t, _ in pairs]
    else:
        assert [(r["label"], t.label) for t, r in pairs if r["label"] not in (t.label, "unlabelled")] == []
    return [row for _, row in pairs]


def began(row: Row) -> float:
    """Seconds after the capture's begin."""
    return row["start_us"] / 1e6 - BEGIN


def speaks_of(row: Row, truth: Truth) -> bool:
    """Whether a connection is the true one: by the client's socket, else by the rewritten one."""
    if abs(began(row) - truth.at) > 5:
        return False
    if row["client_ip"]:
        dialled = row["dest_ip"], row["dest_port"]
        return (row["client_ip"], row["client_port"]) == truth.client and dialled in (truth.dest, (None, None))
    return (row["snat_ip"], row["snat_port"]) == truth.snat
