"""Folders, exports, dumps and objects that give a node another's name, or its own: nothing labelled is wrong."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import resources
from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake
from tests.labels.database import built
from tests.labels.truths import score

Damage = Callable[[Path], None]
OWN = "single-pod"


def folders(capture: Path) -> list[Path]:
    """The folders of nodes."""
    return sorted(p for p in (capture / "nodes").iterdir() if p.is_dir())


def renamed(*places: int) -> Damage:
    """Call these nodes otherwise than Kubernetes does."""

    def damage(capture: Path) -> None:
        every = folders(capture)
        for place in places:
            every[place].rename(every[place].with_name(f"host-{place}"))

    return damage


def unaddressed(capture: Path) -> None:
    """Call all nodes otherwise, and do not tell their addresses."""
    renamed(0, 1, 2)(capture)
    for path in capture.glob("nodes/*/ip-addr*"):
        path.unlink()


def moved(capture: Path) -> None:
    """Have objects say that each pod lives on the node after its own."""
    names = [p.name for p in folders(capture)]
    following = dict(zip(names, [*names[1:], names[0]], strict=True))
    for path in (capture / "cluster").iterdir():
        if "pods" in path.name or "endpoint" in path.name:
            path.write_text(re.sub("|".join(names), lambda m: following[m[0]], path.read_text()))


def swapped(pattern: str) -> Damage:
    """Give the first node's files to the second, and the other way round."""

    def damage(capture: Path) -> None:
        first, second, *_ = folders(capture)
        for path in first.glob(pattern):
            other = second / path.name
            text, others = path.read_bytes(), other.read_bytes()
            path.write_bytes(others)
            other.write_bytes(text)

    return damage


# What is done, and the least share of connections that is labelled all the same.
DAMAGES: dict[str, tuple[Damage, float]] = {
    "all nodes called otherwise": (renamed(0, 1, 2), 0.95),
    "one node called otherwise": (renamed(1), 0.95),
    "all called otherwise, and no addresses": (unaddressed, 0.0),
    "pods on other nodes": (moved, 0.0),
    "rules swapped": (swapped("*tables-save*"), 0.9),
    "addresses swapped": (swapped("ip-addr*"), 0.8),
}


def hold(run: Path, truth: Path, name: str, folder: Path) -> None:
    """Nothing that is labelled is wrong, and a captured node that objects name otherwise is told of."""
    damage, least = DAMAGES[name]
    names = {f"host-{i}": p.name for i, p in enumerate(folders(run))}
    capture = shutil.copytree(run, folder / "capture", copy_function=shutil.copyfile)
    for path in (capture, *capture.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    damage(capture)
    lake = Lake(folder / "lake")
    con = open_lake(lake, Limits(), run_whole(Job(Capture(capture), lake), Window()).run)
    rows = con.sql("FROM connections WHERE label <> 'unlabelled'").to_dicts()
    for row in rows:
        row |= {c: names.get(str(row[c]), row[c]) for c in ("ingress_node", "pod_node")}
    result = score(truth, rows)
    assert result.wrong == []
    assert result.right >= least * result.truth_count
    told = {str(f) for (f,) in con.sql("SELECT DISTINCT finding FROM findings").fetchall()}
    assert ("node-alias" in told) == ("otherwise" in name and "no addresses" not in name)
    assert ("unlisted-node" in told) == ("no addresses" in name)


@pytest.mark.parametrize("name", DAMAGES)
def test_the_sample_with_wrong_names(name, tmp_path):
    truth = Path(__file__).parent.parent / "data" / f"{OWN}-truth.csv"
    hold(resources.folder("samples") / OWN, truth, name, tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize("name", DAMAGES)
def test_a_lab_with_wrong_names(name, shared, tmp_path):
    lab = shared / "data" / "lab" / "in-cluster-any"
    hold(lab / "run", lab / "truth.csv", name, tmp_path)


def captured(*nodes: str) -> list[dict[str, object]]:
    return [{"capture_id": n, "node": n, "file": n, "kind": "packets", "kept_count": 1} for n in nodes]


def addressed(kind: str, **cidrs: str) -> list[dict[str, object]]:
    return [{"node": node, "cidr": cidr, "kind": kind} for node, cidr in cidrs.items()]


def test_a_load_generator_s_own_capture_is_no_unlisted_node():
    nodes = [{"node": "a"}, {"node": "b"}]
    known = addressed("node", a="10.0.0.1/32", b="10.0.0.2/32")
    given = {"captures": captured("a", "client"), "nodes": nodes}
    own = addressed("interface", client="192.168.7.7/32")
    assert built("node_name_matches", given | {"node_addresses": known + own}) == []
    assert built("node_name_matches", given | {"node_addresses": known}) == [
        {"node": "client", "object_node": None},
        {"node": None, "object_node": "b"},
    ]


def test_without_objects_no_node_is_unlisted():
    assert built("node_name_matches", {"captures": captured("a", "b")}) == []


def test_an_address_that_two_nodes_have_names_neither():
    given = {
        "captures": captured("x", "y"),
        "nodes": [{"node": "a"}, {"node": "b"}],
        "node_addresses": addressed("node", a="10.0.0.1/32", b="10.0.0.2/32")
        + addressed("interface", x="10.0.0.1/32", y="10.0.0.1/32"),
    }
    unlisted = [{"node": n, "object_node": None} for n in ("x", "y")]
    assert built("node_name_matches", given) == unlisted + [{"node": None, "object_node": n} for n in ("a", "b")]
