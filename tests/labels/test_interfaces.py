"""One node's packets seen on `any`, on several interfaces in one file, and in both: connections are counted once."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake
from tests.conftest import lacking
from tests.labels.netlab import OUTSIDE, TOOLS, NetLab, read, wait_for
from tests.labels.synthetic_cluster import Cluster, Service, pod
from tests.labels.synthetic_objects import ip_addr, write_objects
from tests.labels.synthetic_rules import iptables_save

pytestmark = [pytest.mark.root, pytest.mark.tshark]
DIALS = 15
SIGHTS = {"any": ["-i", "any"], "several": ["-i", "eth0", "-i", "cbr0"]}


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    """The first node's packets, taken twice at once while clients dial through it, and what is in the cluster."""
    if os.geteuid() or not all(map(shutil.which, TOOLS)):
        lacking(f"needs root and {TOOLS}")
    folder = tmp_path_factory.mktemp("interfaces")
    ends = tuple(pod(f"web-{n}", n, 11) for n in (0, 1))
    web = Service("web", "10.200.0.1", ends, load_balancer="20.185.96.1", node_port=30001, port=80)
    made = Cluster((web,))
    with NetLab(made, folder) as lab:
        (node, *_) = made.nodes
        seen = []
        for name, interfaces in SIGHTS.items():
            with (folder / f"{name}.log").open("w") as said:
                words = ("tshark", *interfaces, "-w", str(folder / f"{name}.pcapng"))
                seen.append(lab.spawn(node.name, *words, stderr=said))
        for name in SIGHTS:
            wait_for(lambda name=name: "Capturing" in read(folder / f"{name}.log"))
        time.sleep(0.5)
        dials = [{"at": 0.03 * i, "from": [lab.client(0), 41000 + i], "to": ["20.185.96.1", 80]} for i in range(DIALS)]
        assert all(isinstance(got, int) for got in lab.dial(OUTSIDE, dials))
        time.sleep(0.5)
        for process in seen:
            os.kill(process.pid, 2)
            process.wait(timeout=30)
    (folder / "rules").write_text(iptables_save(made, node))
    (folder / "addresses").write_text(ip_addr(node))
    write_objects(folder / "cluster", made)
    return folder, node.name


@pytest.fixture
def lake(captures, tmp_path, request):
    """The lake of a run with some of the captures."""
    folder, node = captures
    home = tmp_path / "capture" / "nodes" / node
    home.mkdir(parents=True)
    shutil.copytree(folder / "cluster", tmp_path / "capture" / "cluster")
    for name in ("rules", "addresses", *(f"{n}.pcapng" for n in request.param)):
        shutil.copy(folder / name, home)
    lake = Lake(tmp_path / "lake")
    return open_lake(lake, Limits(), run_whole(Job(Capture(tmp_path / "capture"), lake), Window()).run)


@pytest.mark.parametrize(
    ("lake", "interfaces"),
    [(["any"], {"any"}), (["several"], {"eth0", "cbr0"}), (["any", "several"], {"any", "eth0", "cbr0"})],
    indirect=["lake"],
    ids=["any", "several in one file", "both"],
)
def test_a_connection_seen_on_several_interfaces_is_one(lake, interfaces):
    found = lake.sql("SELECT client_port, label FROM connections WHERE service = 'default/web'").fetchall()
    assert sorted(port for port, _ in found) == [41000 + i for i in range(DIALS)]
    assert {label for _, label in found} == {"direct", "snat-forwarded"}
    seen = lake.sql("SELECT DISTINCT interface FROM packets WHERE interface IS NOT NULL").fetchall()
    assert {name for (name,) in seen} == interfaces
    assert (
        lake.sql("SELECT count(*) FROM packets").fetchall()
        == lake.sql("SELECT CAST(sum(kept_count) AS BIGINT) FROM captures WHERE kind = 'packets'").fetchall()
    )
