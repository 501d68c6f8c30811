"""kubectl's text tables: columns by the header's offsets, several tables in a file, cells with blanks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.formats.kubernetes.kubectl_table import FORMAT
from pipeline.formats.source import Source

if TYPE_CHECKING:
    from pipeline.formats.base import Parsed

SAMPLES = Path(__file__).parent / "samples" / "kubectl-table"


def parse(path: Path) -> Parsed:
    source = Source(path, path.name)
    assert FORMAT.recognise(source.head())
    return FORMAT.parse(source)


def rows(parsed: Parsed, table: str, *columns: str) -> list[tuple[object, ...]]:
    return parsed.tables[table].select(columns).rows() if table in parsed.tables else []


@pytest.fixture
def give(tmp_path):
    def read(text: str) -> Parsed:
        path = tmp_path / "table.txt"
        path.write_text(text)
        return parse(path)

    return read


def test_the_pods_of_the_first_experiment():
    parsed = parse(SAMPLES / "pods-wide.txt")
    columns = ("pod", "namespace", "name", "ip", "node", "phase")
    assert rows(parsed, "pods", *columns) == [
        (
            "default/testapp-6f7947bc4b-x7427",
            "default",
            "testapp-6f7947bc4b-x7427",
            "10.100.2.2",
            "aks-nodepool1-23454376-vmss000001",
            "Running",
        )
    ]


def test_the_services_of_the_first_experiment():
    parsed = parse(SAMPLES / "services.txt")
    assert rows(parsed, "services", "service", "type") == [
        ("default/kubernetes", "ClusterIP"),
        ("default/testapp", "LoadBalancer"),
    ]
    assert rows(parsed, "service_ports", "service", "protocol", "kind", "ip", "port", "service_port") == [
        ("default/kubernetes", "tcp", "cluster-ip", "10.200.0.1", 443, 443),
        ("default/testapp", "tcp", "cluster-ip", "10.200.105.65", 80, 80),
        ("default/testapp", "tcp", "load-balancer", "20.185.96.169", 80, 80),
        ("default/testapp", "tcp", "node-port", None, 30918, 80),
    ]


@pytest.fixture(scope="module")
def several() -> Parsed:
    return parse(SAMPLES / "all.txt")


def test_every_row_of_every_table_is_counted(several):
    assert several.row_count == 5 + 6 + 3 + 1 + 1
    assert not several.rejects


def test_pods_with_blanks_in_cells_keep_their_columns(several):
    assert rows(several, "pods", "pod", "ip", "node", "phase") == [
        ("default/testapp-6f7947bc4b-x7427", "10.100.2.2", "aks-nodepool1-23454376-vmss000001", "Running"),
        ("default/slow-0", "10.100.0.7", "aks-nodepool1-23454376-vmss000000", "Pending"),
        ("kube-system/v6-0", "fd00:1::5", "aks-nodepool1-23454376-vmss000000", "Running"),
    ]


def test_a_finished_pod_owns_no_address(several):
    assert "10.100.2.9" not in {ip for (ip,) in rows(several, "pods", "ip")}


def test_external_addresses_by_the_kind_of_service(several):
    outside = [r for r in rows(several, "service_ports", "kind", "ip", "protocol", "port") if r[0] != "cluster-ip"]
    assert outside == [
        ("load-balancer", "20.185.96.169", "tcp", 80),
        ("load-balancer", "20.185.96.170", "tcp", 80),
        ("node-port", None, "tcp", 30918),
        ("load-balancer", "20.185.96.169", "tcp", 443),
        ("load-balancer", "20.185.96.170", "tcp", 443),
        ("node-port", None, "tcp", 30919),
        ("node-port", None, "tcp", 30920),
        ("external-ip", "192.0.2.7", "udp", 53),
        ("external-ip", "192.0.2.7", "sctp", 132),
    ]


def test_headless_and_external_names_are_services_without_an_address(several):
    services = {s for (s,) in rows(several, "services", "service")}
    assert {"default/headless", "default/elsewhere"} <= services
    assert not {"default/headless", "default/elsewhere"} & {s for (s,) in rows(several, "service_ports", "service")}


def test_endpoints_say_what_kubectl_left_out(several):
    assert rows(several, "endpoints", "service", "ip", "port") == [
        ("default/testapp", "10.100.2.2", 80),
        ("kube-system/kube-dns", "fd00:1::2", 53),
        ("kube-system/kube-dns", "fd00:1::3", 53),
    ]
    found = {f.finding: f.message for f in several.findings}
    assert "3 endpoints" in found["elided-endpoints"]


def test_kinds_that_are_not_used_are_counted(several):
    assert [f.message for f in several.findings if f.finding == "not-used"] == [
        "1 rows of endpointslices are not used",
        "1 rows of other kinds are not used",
    ]


def test_nodes():
    parsed = parse(SAMPLES / "nodes-wide.txt")
    assert rows(parsed, "nodes", "node", "internal_ip", "external_ip") == [
        ("aks-nodepool1-23454376-vmss000000", "10.220.1.4", None),
        ("aks-nodepool1-23454376-vmss000001", "10.220.1.5", "20.1.2.3"),
    ]
    assert [c for (c,) in rows(parsed, "node_addresses", "cidr")] == ["10.220.1.4/32", "10.220.1.5/32", "20.1.2.3/32"]


def test_a_table_edited_by_hand():
    parsed = parse(SAMPLES / "broken-edited.txt")
    assert [(r.line_number, r.reason) for r in parsed.rejects] == [
        (3, "ends before its AGE"),
        (4, "'10.x.x.x' does not appear to be an IPv4 or IPv6 address"),
        (6, "ends before its AGE"),
        (7, "'80:30918/T' is no port"),
        (9, "no header above it"),
    ]
    assert parsed.row_count == 7
    assert rows(parsed, "service_ports", "service", "ip") == [
        ("default/kubernetes", "10.200.0.1"),
        ("default/moved", "10.200.0.3"),
    ]


def test_a_row_that_does_not_line_up_is_no_guess(give):
    parsed = give(
        "NAME   TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE\nlong-name ClusterIP 10.0.0.1 80/TCP 1m\n"
    )
    assert [r.reason for r in parsed.rejects] == ["does not line up with the header above it"]
    assert not parsed.tables


@pytest.mark.parametrize(
    "before",
    [
        "$ kubectl get pods -o wide\n",
        "Every 2.0s: kubectl get pods -o wide      host: Mon\n\n",
        "[root@host vm]# kubectl get pods -o wide\n",
        "# the pods\n\n",
        "",
    ],
)
def test_prompts_and_banners_are_no_rows(give, before):
    header = "NAME   READY   STATUS    RESTARTS   AGE   IP         NODE"
    parsed = give(f"{before}{header}\na      1/1     Running   0          1m    10.0.0.1   n1\n")
    assert (parsed.row_count, parsed.rejects) == (1, [])
    assert rows(parsed, "pods", "pod", "node") == [("default/a", "n1")]


def test_pods_without_addresses_are_said_to_be_so(give):
    parsed = give("NAME   READY   STATUS    RESTARTS   AGE\na      1/1     Running   0          1m\n")
    assert (parsed.row_count, parsed.rejects, parsed.tables) == (1, [], {})
    assert [(f.finding, f.severity) for f in parsed.findings] == [("no-addresses", "warning")]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "least", "most_rejected"), [("pods", 900, 80), ("svc", 280, 25), ("nodes", 200, 20), ("endpoints", 35, 0)]
)
def test_tables_of_the_wild(shared, file, least, most_rejected):
    """Rejected are dots, fences and prose between rows, redacted addresses, and two rows that people cut themselves."""
    parsed = parse(shared / "data" / "kubectl" / "tables" / f"{file}.txt")
    assert parsed.row_count - len(parsed.rejects) >= least
    assert len(parsed.rejects) <= most_rejected
    whole = [r.text for r in parsed.rejects if " Running " in r.text and "xxx" not in r.text and "yyy" not in r.text]
    assert len(whole) <= 2
