"""Findings that need more than one input file: of a capture as a whole, and of its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.labelling.node_rules import write_rule_servers
from pipeline.labelling.workspace import Workspace
from pipeline.schema.findings import FINDINGS
from pipeline.store.duckdb_engine import write_parquet

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.labelling.node_rules import NodeRules
    from pipeline.schema import Row
    from pipeline.store.duckdb_engine import Connection


def capture_findings(con: Connection, folder: Path) -> list[Row]:
    """Findings of a capture that is not labelled, from the input tables in `folder`."""
    work = Workspace(con, folder)
    work.open_inputs()
    write_rule_servers(work, {})
    work.build("capture_findings")
    return work.rows(f"{_with_severity(work, 'capture_findings')} ORDER BY finding, node, file, message")


def write_findings(work: Workspace, rules: NodeRules) -> None:
    """Store the findings of labelling beside those of reading the files.

    Reads: connections, captures, clock_offsets, icmp_errors, rule_drifts, stale_rules, and the rules' chain names.
    Writes: findings.
    """
    import polars as pl

    work.build("label_findings")
    path = work.folder / "findings" / "labels.parquet"
    path.unlink(missing_ok=True)  # it may be a link to the file of an earlier run, which must not change
    texts = dict.fromkeys(("finding", "severity", "node", "file", "message", "remedy"), pl.String)
    chains = pl.DataFrame(list(rules.misnamed_chains()), schema=texts | {"line_number": pl.Int64})
    work.con.register("chain_findings", chains)
    every = f"{_with_severity(work, 'label_findings')} UNION ALL BY NAME SELECT * FROM chain_findings"
    write_parquet(work.con, f"SELECT * FROM ({every}) ORDER BY finding, file, message", path)


def _with_severity(work: Workspace, model: str) -> str:
    """Return a SELECT of a model's findings, each with its declared severity."""
    import polars as pl

    severities = {"finding": list(FINDINGS), "severity": [declared.severity for declared in FINDINGS.values()]}
    work.con.register("declared_findings", pl.DataFrame(severities))
    return f"SELECT f.*, d.severity FROM {model} AS f LEFT JOIN declared_findings AS d ON d.finding = f.finding"
