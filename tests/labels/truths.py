"""Holds labelled connections against a lab's truth, row by row."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Row = dict[str, object]
LABEL = {
    "forwarded_snat": "snat-forwarded",
    "forwarded_nosnat": "forwarded",
    "direct_snat": "direct",
    "direct_nosnat": "direct",
    "dropped": "dropped",
    "refused": "dropped",
}
AFFINITY = {"": "none", "first": "first", "pinned": "pinned", "CHANGED": "moved", "expired": "expired"}


@dataclass(slots=True)
class Score:
    """How many true connections are labelled right; every wrong claim; why the rest is open."""

    truth_count: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def labelled_share(self) -> float:
        """Right labels among connections seen; `node-originated` is unlabelled by definition and not counted."""
        open_count = sum(count for reason, count in self.reasons.items() if reason != "node-originated")
        return self.right / max(1, self.right + len(self.wrong) + open_count)


def score(truth: Path, connections: Iterable[Mapping[str, object]]) -> Score:
    """Pair each claim with the true connection it speaks of: by the client's socket, else by the rewritten one."""
    with truth.open(newline="") as f:
        true_rows = [row for row in csv.DictReader(f) if row["path"]]
    result = Score(len(true_rows))
    by_client, by_snat = _indexed(true_rows)
    services = {row["service"] for row in true_rows}
    for row in sorted(connections, key=lambda r: (r["start_us"] is None, r["start_us"] or 0, str(r["connection_id"]))):
        candidates = by_client.get(_client(row)) or by_snat.get(_snat(row)) or []
        partner = _nearest(candidates, row)
        if partner is None:
            if row["service"] in services and row["label"] != "unlabelled" and not _is_from_a_node(row):
                result.wrong.append(
                    f"{row['connection_id']}: {row['label']} ({row['evidence']}), but there was no such connection"
                )
            continue
        candidates.remove(partner)
        _judge(row, partner, result)
    return result


def _indexed(
    rows: list[dict[str, str]],
) -> tuple[dict[object, list[dict[str, str]]], dict[object, list[dict[str, str]]]]:
    by_client, by_snat = defaultdict(list), defaultdict(list)
    for row in rows:
        by_client[row["client_ip"], row["client_port"], row["dest_ip"], row["dest_port"]].append(row)
        if row["snat_ip"]:
            by_snat[row["snat_ip"], row["snat_port"], row["pod_ip"]].append(row)
    return by_client, by_snat


def _client(row: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(str(row[c]) for c in ("client_ip", "client_port", "dest_ip", "dest_port"))


def _snat(row: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(str(row[c]) for c in ("snat_ip", "snat_port", "pod_ip"))


def _is_from_a_node(row: Mapping[str, object]) -> bool:
    """No truth tells what a node itself dialled: both rewrites happen before the wire."""
    return row["client_ip"] is None


def _nearest(candidates: list[dict[str, str]], row: Mapping[str, object]) -> dict[str, str] | None:
    if row["start_us"] is None:
        return candidates[0] if candidates else None
    start = int(str(row["start_us"])) / 1e6
    return min(candidates, key=lambda t: abs(float(t["t_new"] or 0) - start), default=None)


def _judge(row: Mapping[str, object], truth: dict[str, str], result: Score) -> None:
    want: dict[str, object] = {"label": "affinity-pinned" if truth["affinity"] == "pinned" else LABEL[truth["path"]]}
    if "dropped" not in str(want["label"]):
        want |= {
            "hop": truth["path"].split("_")[0].replace("direct", "local"),
            "source_nat": truth["path"].endswith("_snat"),
            "pod_ip": truth["pod_ip"],
            "pod_node": truth["pod_node"],
            "affinity": AFFINITY[truth["affinity"]],
        }
        if truth["path"] == "forwarded_snat":
            want["snat_port"] = int(truth["snat_port"])
    want |= {"ingress_node": truth["ingress_node"], "service": truth["service"]}
    open_words = {None, "unknown", "hidden", "unlabelled"}
    wrong = {c: (row[c], v) for c, v in want.items() if row[c] not in open_words and row[c] != v and v != ""}
    if wrong:
        result.wrong.append(f"{row['connection_id']} ({row['evidence']}, {row['reason']}): {wrong}")
    elif row["label"] == "unlabelled":
        result.reasons[str(row["reason"])] += 1
    else:
        result.right += 1
