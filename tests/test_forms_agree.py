"""One capture exported in several ways gives the same connections, as far as the fields allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.shared
DIALLED = "protocol, client_ip, client_port, dest_ip, dest_port, service, service_port, ingress_node"


def connections(job: Job, columns: str) -> list[tuple[object, ...]]:
    """Columns of the connections to services, of a capture."""
    con = open_lake(job.lake, Limits(), run_whole(job, Window()).run)
    return con.sql(f"SELECT {columns} FROM connections WHERE service IS NOT NULL ORDER BY ALL").fetchall()


def test_five_columns_have_the_connections_of_the_full_export(shared, tmp_path):
    lab = shared / "data" / "lab" / "default"
    full, few = (
        connections(Job(Capture(lab / n), Lake(tmp_path / "lake"), n), f"{DIALLED}, label, pod_ip, candidates")
        for n in ("run", "minimal")
    )
    width = len(DIALLED.split(","))
    assert len(full) == 1500
    assert [f[:width] for f in few] == [f[:width] for f in full]
    for (*_, label, pod, _), (*_, label_few, pod_few, candidates) in zip(full, few, strict=True):
        assert label_few in (label, "unlabelled")
        assert pod_few in (pod, None)
        assert pod is None or pod_few or f"{pod}:" in str(candidates)


@pytest.mark.tshark
def test_capture_files_have_the_connections_of_their_exports(shared, tmp_path):
    lab = shared / "data" / "lab" / "single-pod"
    columns = f"{DIALLED}, label, evidence, hop, pod, pod_node, snat_ip, snat_port, start_us, end_us, packet_count"
    beside = [p for p in (lab / "run" / "nodes").rglob("*") if p.is_file() and "eth0" not in p.name]
    nodes: dict[str, list[Path]] = {p.parent.name: [] for p in beside}
    for path in beside:
        nodes[path.parent.name].append(path)
    for path in (lab / "pcap").iterdir():
        nodes[path.name.split(".")[0]].append(path)
    lake = Lake(tmp_path / "lake")
    exported = connections(Job(Capture(lab / "run"), lake, "run"), columns)
    captured = connections(Job(Capture(lab / "run" / "cluster", nodes=nodes), lake, "pcap"), columns)
    assert len(exported) == 900
    assert captured == exported
