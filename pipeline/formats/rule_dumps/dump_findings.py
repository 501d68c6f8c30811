"""Findings about a dump of rules: its faults with their lines, no rule of kube-proxy, a warning of the tool."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.rules.dumps.dump_faults import faults
from pipeline.rules.dumps.misnamed_chains import misnamed
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

LEGACY_WARNING = "iptables-legacy tables present"
_MOST_PER_NAME = 5


def fault_findings(rows: pl.DataFrame) -> list[Finding]:
    """Return the faults of a dump, each with its line; of many with one name, the first few and how many more."""
    if not len(rows):
        return []
    shown, counts = list[Finding](), Counter[str]()
    for finding in _faults(rows):
        counts[finding.finding] += 1
        if counts[finding.finding] <= _MOST_PER_NAME:
            shown.append(finding)
    more = {name: count - _MOST_PER_NAME for name, count in counts.items() if count > _MOST_PER_NAME}
    return shown + [Finding(n, "note", f"{count} more of these", "see the first ones") for n, count in more.items()]


def _faults(rows: pl.DataFrame) -> Iterator[Finding]:
    lines = rows["line_number"]
    for fault in faults(rows):
        line_number = None if fault.row is None else lines[fault.row]
        yield Finding.declared(fault.name, fault.message, fault.remedy, line_number)
    for row, message in misnamed(rows):
        yield Finding.declared("misnamed-chain", message, line_number=lines[row])


def iptables_findings(rows: pl.DataFrame, *, has_legacy_warning: bool) -> list[Finding]:
    """Return the findings about a dump of iptables."""
    findings = fault_findings(rows)
    if not len(rows) or not any(map(_name_kube_proxy, (rows["chain"], rows["target"]))):
        findings.append(_NO_KUBE_CHAIN)
    return findings + [_OTHER_BACKEND] * has_legacy_warning


def _name_kube_proxy(names: pl.Series) -> bool:
    """Return whether any chain is kube-proxy's; the kubelet has a few of its own."""
    return bool((names.str.starts_with("KUBE-") & ~names.str.starts_with("KUBE-KUBELET")).any())


def nft_findings(rows: pl.DataFrame) -> list[Finding]:
    """Return the findings about a listing of nft."""
    findings = fault_findings(rows)
    if not len(rows):
        return findings
    is_kube_proxy = (rows["table_name"] == "kube-proxy") | rows["chain"].str.starts_with("KUBE-")
    return findings if is_kube_proxy.any() else [*findings, _NO_KUBE_TABLE]


_NO_KUBE_CHAIN = Finding.declared(
    "no-kube-chains",
    "these rules have no KUBE chain",
    "dump the rules in the node's own network namespace, as root, with the backend kube-proxy uses "
    "(iptables-nft-save or iptables-legacy-save)",
)
_NO_KUBE_TABLE = Finding.declared(
    "no-kube-chains",
    "these rules have no table of kube-proxy",
    "dump the rules in the node's own network namespace, as root",
)
_OTHER_BACKEND = Finding.declared(
    "legacy-tables-present",
    "the tool warns about rules of the other iptables backend, which this dump does not contain",
    "dump both: iptables-nft-save and iptables-legacy-save",
)
