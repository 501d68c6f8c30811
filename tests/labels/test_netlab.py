"""A cluster of network namespaces, its kernels' own rules and translations: what is claimed is what happened."""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake
from tests.conftest import lacking
from tests.labels.netlab import OUTSIDE, TOOLS, NetLab
from tests.labels.netlab_truth import COLUMNS, entries, truths, write
from tests.labels.synthetic_cluster import Cluster, Service, pod
from tests.labels.truths import score

if TYPE_CHECKING:
    from pathlib import Path

    from tests.labels.truths import Row

pytestmark = [pytest.mark.root, pytest.mark.tshark]
REFUSED, AFFINITY_S, INSIDE = 39999, 1, 12
OUTSIDE_EACH = 24  # so many that chance sends some of every node's to every other: else labels stay open, honestly
EVERY_PROTOCOL_UNSEEN = [(p, "ingress-leg-not-captured") for p in ("tcp", "udp")]


class Run(NamedTuple):
    """A capture taken in a lab, with and without the kernels' own witnesses, and what really happened."""

    whole: Path
    alone: Path
    truth: Path
    dials: int
    family: int
    rows: list[Row]


def cluster(family):
    address, balancer = ("10.200.0.", "20.185.96.") if family == 4 else ("fd00:200::", "2001:db8:96::")
    ends = tuple(pod(f"web-{i}", n, 11 + i, family=family) for i, n in enumerate((0, 1, 2, 1)))
    made = {
        "web": (80, ends, {"port": 80}),
        "sticky": (81, ends[:3], {"port": 80, "affinity_s": AFFINITY_S}),
        "local": (82, (ends[0], ends[1]), {"port": 80, "local": True}),
        "none": (90, (), {"port": 80}),
        "dns": (53, ends[:3], {"port": 53, "target_port": 8053, "protocol": "udp"}),
    }
    services = (
        Service(n, f"{address}{i}", pods, load_balancer=f"{balancer}{i}", node_port=30000 + i, **more)
        for n, (i, pods, more) in made.items()
    )
    return Cluster(tuple(services), family=family)


def plans(lab):
    """Dials from outside through every node, and from a pod that is an endpoint itself."""
    web, sticky, local, none, dns = lab.cluster.services
    outside, inside, ports = [], [], iter(range(40000, 50000))

    def dial(plan, at, source, ip, port, protocol="tcp"):
        plan.append({"at": at, "from": [source, next(ports)], "to": [ip, port], "protocol": protocol})

    for n, node in enumerate(lab.cluster.nodes):
        for i in range(OUTSIDE_EACH):
            dial(outside, 0.02 * i, lab.client(n), web.load_balancer, 80)
            dial(outside, 0.02 * i, lab.client(n), node.ip, web.node_port)
            dial(outside, 0.02 * i, lab.client(n), dns.load_balancer, 53, "udp")
        for at in (0, 0.2, 0.4, 2.2):
            dial(outside, at, lab.client(n), sticky.load_balancer, 80)
        if n < 2:
            dial(outside, 0.1, lab.client(n), local.load_balancer, 80)
    client = web.pods[0].ip
    for i in range(INSIDE):
        dial(inside, 0.06 * i, client, web.ip, 80)
        dial(inside, 0.06 * i, client, dns.ip, 53, "udp")
    refusing = {"at": 0.5, "from": [lab.client(2), REFUSED], "patience": 0.5}
    outside += [refusing | {"to": [one.load_balancer, 80]} for one in (local, none)]
    return {OUTSIDE: outside, web.pods[0].name: inside}


def labelled(capture, lake):
    run = run_whole(Job(Capture(capture), Lake(lake)), Window()).run
    with_errors = "SELECT c.*, f.icmp_errors FROM connections AS c JOIN flows AS f ON f.flow_id = c.connection_id"
    return open_lake(Lake(lake), Limits(), run).sql(with_errors).to_dicts()


@pytest.fixture(scope="module", params=[(4, "any", True), (6, "eth0", False)], ids=["4-any", "6-eth0"])
def lab(request, tmp_path_factory):
    """One capture each: IPv4 with pods on a bridge, seen on every interface; IPv6 with routed pods, on eth0 alone."""
    if os.geteuid() or not all(map(shutil.which, TOOLS)):
        lacking(f"needs root and {TOOLS}")
    family, interface, bridged = request.param
    folder = tmp_path_factory.mktemp("netlab")
    with NetLab(cluster(family), folder, bridged=bridged) as lab:
        dials = plans(lab)
        whole = lab.capture(dials, interface)
        rows = [*truths(lab.cluster, entries(whole)), *(refused(lab, s) for s in lab.cluster.services[2:4])]
    alone = shutil.copytree(whole, folder / "alone", ignore=shutil.ignore_patterns("conntrack*", "xt_recent*"))
    count = sum(map(len, dials.values()))
    return Run(whole, alone, write(rows, folder / "truth.csv"), count, family, labelled(alone, folder / "lake"))


def refused(lab, service):
    """What no kernel tracks: a client at a node without an endpoint of a Local policy, or of a Service without any."""
    node = lab.cluster.nodes[2]
    facts = {
        "client_ip": lab.client(2),
        "client_port": str(REFUSED),
        "dest_ip": service.load_balancer,
        "dest_port": "80",
    }
    facts |= {"protocol": "tcp", "service": service.full_name, "ingress_node": node.name, "path": "dropped"}
    return dict.fromkeys(COLUMNS, "") | facts


def test_the_kernels_did_what_the_test_is_about(lab):
    told = list(csv.DictReader(lab.truth.read_text().splitlines()))
    paths = {"forwarded_snat", "direct_snat", "forwarded_nosnat", "direct_nosnat", "dropped"}
    assert ({t["path"] for t in told}, len(told)) == (paths, lab.dials)
    assert {t["affinity"] for t in told} == {"", "first", "pinned", "expired"}


def test_every_label_is_what_the_kernels_did(lab):
    result = score(lab.truth, lab.rows)
    assert result.wrong == []
    if lab.family == 4:
        assert result.right == lab.dials
        return
    # IPv6 has no IP id: over UDP nothing tells a rewritten leg; and eth0 shows no pod dialling its own node's
    open_ = Counter((r["protocol"], r["reason"]) for r in lab.rows if r["label"] == "unlabelled")
    assert set(open_) <= {("udp", "leg-not-joined"), *EVERY_PROTOCOL_UNSEEN}
    assert result.right >= 3 * 2 * OUTSIDE_EACH + 12 + 2 + 2


def test_witnesses_say_the_same(lab, tmp_path):
    result = score(lab.truth, labelled(lab.whole, tmp_path / "lake"))
    unseen = 0 if lab.family == 4 else 2 * INSIDE
    assert (result.wrong, result.right) == ([], lab.dials - unseen)


def test_what_a_node_refuses_it_says_by_icmp(lab):
    refusals = {(r["service"], r["label"], r["icmp_errors"]) for r in lab.rows if r["client_port"] == REFUSED}
    assert refusals == {("default/local", "dropped", None), ("default/none", "dropped", "port unreachable")}
