"""Several listings of one cluster: each object once, and each address with the time it was held."""

from __future__ import annotations

import itertools
import json

import polars as pl
import pytest

from pipeline.config import Limits
from pipeline.formats.kubernetes.kubectl_json import FORMAT as KUBECTL
from pipeline.formats.source import Source
from pipeline.ingest.capture import Capture
from pipeline.ingest.discover import discover
from pipeline.ingest.input_tables import InputTables
from pipeline.ingest.reader import read_capture
from pipeline.store.duckdb_engine import connect

T = "2026-11-22T21:{:02}:00Z"


def us(minute: int) -> int:
    return 1_795_381_200_000_000 + minute * 60_000_000


def listing(*objects: dict) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": objects})


def pod(name: str, ip: str, begun: int, version: int, *, host: bool = False, **status: object) -> dict:
    meta = {"name": name, "namespace": "n", "creationTimestamp": T.format(begun), "resourceVersion": str(version)}
    state = {"podIP": ip, "startTime": T.format(begun), "phase": "Running"} | status
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"nodeName": "a", "hostNetwork": host},
        "status": state,
    }


def service(version: int, affinity: str = "None", begun: int = 1) -> dict:
    meta = {"name": "s", "namespace": "n", "creationTimestamp": T.format(begun), "resourceVersion": str(version)}
    spec = {"clusterIP": "10.200.0.9", "sessionAffinity": affinity, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def endpoints(name: str, ip: str, version: int, *, ready: bool = True) -> dict:
    meta = {
        "name": "s-1",
        "namespace": "n",
        "labels": {"kubernetes.io/service-name": "s"},
        "resourceVersion": str(version),
    }
    one = {
        "addresses": [ip],
        "conditions": {"ready": ready},
        "targetRef": {"kind": "Pod", "name": name, "namespace": "n"},
    }
    return {"apiVersion": "v1", "kind": "EndpointSlice", "metadata": meta, "ports": [{"port": 80}], "endpoints": [one]}


@pytest.fixture
def read(tmp_path):
    """Rows of a table that listings give, in the order of their files."""
    folders = itertools.count()

    def rows(table: str, *texts: str) -> list[dict]:
        folder = tmp_path / str(next(folders))
        for number, text in enumerate(texts):
            path = folder / "capture" / "cluster" / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        capture = Capture(folder / "capture")
        read_capture(connect(Limits()), InputTables(folder / "out", silent=True), discover(capture), capture)
        return pl.read_parquet(folder / "out" / table / "*.parquet").to_dicts()

    return rows


def held(rows: list[dict]) -> list[tuple]:
    return sorted((r["pod"], r["ip"], r["valid_from_us"], r["valid_to_us"]) for r in rows)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_one_object_the_latest_listing_stands_whatever_the_files_are_called(order, read):
    listings = [listing(service(v, a)) for v, a in ((99, "None"), (100, "ClientIP"), (101, "None"))]
    rows = read("services", *(listings[n] for n in order))
    assert [(r["session_affinity"], r["listing_version"]) for r in rows] == [("None", 101)]
    assert len(read("service_ports", *(listings[n] for n in order))) == 1


def test_the_same_objects_as_text_add_nothing(read):
    text = "NAMESPACE  NAME  TYPE       CLUSTER-IP  PORT(S)  AGE\nn          s     ClusterIP  10.200.0.9  80/TCP   3d\n"
    pods = "NAMESPACE  NAME  READY  STATUS   AGE  IP        NODE\nn          p     1/1    Running  3d   10.1.0.5  a\n"
    ends = "NAMESPACE  NAME  ENDPOINTS    AGE\nn          s     10.1.0.5:80  3d\n"
    whole = listing(service(5), pod("p", "10.1.0.5", 2, 6), endpoints("p", "10.1.0.5", 7))
    for table in ("services", "service_ports", "pods", "endpoints"):
        assert read(table, whole, text, pods, ends) == read(table, whole)
    assert len(read("endpoints", text, pods, ends)) == 1


def test_an_object_made_again_ends_the_one_of_its_name(read):
    both = listing(pod("web-0", "10.1.0.5", 1, 10)), listing(pod("web-0", "10.1.0.9", 20, 30))
    assert held(read("pods", *both)) == [
        ("n/web-0", "10.1.0.5", us(1), us(20)),
        ("n/web-0", "10.1.0.9", us(20), None),
    ]
    assert [r["valid_to_us"] for r in read("services", listing(service(1)), listing(service(9, begun=8)))] == [
        us(8),
        None,
    ]


def test_a_pod_that_a_later_listing_lacks_lost_its_address_to_the_one_that_has_it(read):
    old, other, new = pod("old", "10.1.0.5", 1, 10), pod("other", "10.1.0.6", 1, 11), pod("new", "10.1.0.5", 20, 30)
    rows = held(read("pods", listing(new, other), listing(old, other)))
    assert rows == [
        ("n/new", "10.1.0.5", us(20), None),
        ("n/old", "10.1.0.5", us(1), us(20)),
        ("n/other", "10.1.0.6", us(1), None),
    ]


def test_two_pods_in_one_listing_are_both_believed(read):
    rows = held(read("pods", listing(pod("x", "10.1.0.5", 1, 10), pod("y", "10.1.0.5", 20, 30))))
    assert [r[3] for r in rows] == [None, None]


def test_pods_on_the_node_s_network_take_no_address_from_each_other(read):
    one, two = pod("x", "10.220.1.4", 1, 10, host=True), pod("y", "10.220.1.4", 20, 30, host=True)
    assert [r[3] for r in held(read("pods", listing(one), listing(two)))] == [None, None]


def test_a_pod_that_finished_between_listings_has_its_end(read):
    done = {"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": {"finishedAt": T.format(9)}}}]}
    running, finished = pod("job", "10.1.0.5", 1, 10), pod("job", "10.1.0.5", 1, 20, **done)
    for order in ((running, finished), (finished, running)):
        assert held(read("pods", *map(listing, order))) == [("n/job", "10.1.0.5", us(1), us(9))]


def test_an_endpoint_is_as_the_latest_listing_has_it_and_two_pods_at_it_are_both_named(read):
    ready = [
        r["ready"] for r in read("endpoints", *(listing(endpoints("p", "10.1.0.5", v, ready=v == 3)) for v in (3, 2)))
    ]
    assert ready == [True]
    two = read("endpoints", listing(endpoints("p", "10.1.0.5", 3)), listing(endpoints("q", "10.1.0.5", 9)))
    assert [r["pod"] for r in two] == ["n/p", "n/q"]


def test_nodes_tell_when_they_were_listed_by_their_last_heartbeat(tmp_path):
    def node(name: str, *minutes: int) -> dict:
        conditions = [{"type": f"c{m}", "lastHeartbeatTime": T.format(m)} for m in minutes]
        return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"conditions": conditions}}

    path = tmp_path / "nodes.json"
    path.write_text(listing(node("a", 3, 7), node("gone", 1), node("bare")))
    assert KUBECTL.parse(Source(path, path.name)).taken_us == us(7)
    path.write_text(listing(pod("p", "10.1.0.5", 9, 1)))
    assert KUBECTL.parse(Source(path, path.name)).taken_us is None
