"""kubectl's JSON and YAML: what each kind of object gives, and what is left of a broken file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from pipeline.formats import recognise
from pipeline.formats.source import Source

if TYPE_CHECKING:
    from pipeline.formats.base import Parsed

SAMPLES = Path(__file__).parent / "samples"
T0 = 1_700_000_000_000_000
CREATED, STARTED, FINISHED = "2023-11-14T22:13:20Z", "2023-11-14T22:13:21Z", "2023-11-14T22:13:22.5Z"


def parse(path: Path) -> Parsed:
    source = Source(path, path.name)
    form = recognise(source.head())
    assert form is not None
    parsed = form.parse(source)
    assert parsed.row_count >= len(parsed.rejects)
    return parsed


def rows(parsed: Parsed, table: str, *columns: str) -> list[tuple[object, ...]]:
    return parsed.tables[table].select(columns).rows() if table in parsed.tables else []


def meta(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "namespace": "default", "creationTimestamp": CREATED, **more}


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": meta("web", annotations={"last-applied": "s3cret"}, managedFields=[{"manager": "s3cret"}]),
    "spec": {
        "type": "LoadBalancer",
        "clusterIP": "10.200.0.7",
        "clusterIPs": ["10.200.0.7", "fd00:200:0::7"],
        "externalIPs": ["192.0.2.7"],
        "sessionAffinity": "ClientIP",
        "externalTrafficPolicy": "Local",
        "healthCheckNodePort": 32101,
        "ports": [
            {"name": "http", "port": 80, "targetPort": "web", "nodePort": 30080},
            {"name": "dns", "port": 53, "protocol": "UDP"},
        ],
    },
    "status": {"loadBalancer": {"ingress": [{"ip": "20.1.2.3"}, {"hostname": "lb.example.com"}]}},
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": meta("web-0"),
    "spec": {"nodeName": "n1"},
    "status": {
        "phase": "Running",
        "startTime": STARTED,
        "podIP": "10.100.0.5",
        "podIPs": [{"ip": "10.100.0.5"}, {"ip": "fd00:100::5"}],
    },
}
SLICE = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "addressType": "IPv4",
    "metadata": meta("web-abcde", labels={"kubernetes.io/service-name": "web"}),
    "endpoints": [
        {
            "addresses": ["10.100.0.5"],
            "conditions": {"ready": True},
            "nodeName": "n1",
            "targetRef": {"kind": "Pod", "name": "web-0", "namespace": "default"},
        },
        {"addresses": ["10.100.1.6"], "conditions": {"ready": False, "serving": True}},
        {"addresses": ["10.100.1.7"]},
    ],
    "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
}
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "n1", "creationTimestamp": CREATED, "labels": {"topology.kubernetes.io/zone": "z-1"}},
    "spec": {"podCIDR": "10.100.0.0/24", "podCIDRs": ["10.100.0.0/24", "fd00:100:0:0::/64"]},
    "status": {
        "addresses": [
            {"type": "Hostname", "address": "n1"},
            {"type": "InternalIP", "address": "10.220.1.4"},
            {"type": "InternalIP", "address": "fd00:220:1::4"},
            {"type": "ExternalIP", "address": "20.9.9.9"},
        ]
    },
}
ENDPOINTS = {
    "apiVersion": "v1",
    "kind": "Endpoints",
    "metadata": meta("old"),
    "subsets": [
        {
            "addresses": [{"ip": "10.100.0.8", "nodeName": "n1", "targetRef": {"kind": "Pod", "name": "old-0"}}],
            "notReadyAddresses": [{"ip": "10.100.0.9"}],
            "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}],
        }
    ],
}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": meta("s"), "data": {"password": "czNjcmV0"}}
MIXED = {"apiVersion": "v1", "items": [SERVICE, SLICE, ENDPOINTS, POD, NODE, SECRET], "kind": "List"}


def as_json(value: object) -> str:
    return json.dumps(value, indent=4)


def as_yaml(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=False)


@pytest.fixture(params=[as_json, as_yaml], ids=["json", "yaml"])
def give(request, tmp_path):
    """Write documents in one of the two forms and read them back."""

    def read(*documents: object) -> Parsed:
        path = tmp_path / "objects"
        separator = "---\n" if request.param is as_yaml else "\n"
        path.write_text(separator.join(request.param(d) for d in documents))
        return parse(path)

    return read


def test_every_kind_in_one_list(give):
    parsed = give(MIXED)
    assert parsed.row_count == 6
    assert not parsed.rejects
    assert sorted(parsed.tables) == ["endpoints", "node_addresses", "nodes", "pods", "service_ports", "services"]
    assert [(f.finding, f.severity, "1 objects of kind Secret" in f.message) for f in parsed.findings] == [
        ("not-used", "note", True)
    ]


def test_several_documents_say_the_same_as_one_list(give):
    whole, apart = give(MIXED), give(*MIXED["items"])
    assert apart.row_count == whole.row_count
    assert {t: f.rows() for t, f in apart.tables.items()} == {t: f.rows() for t, f in whole.tables.items()}


def test_a_kind_list_names_its_kind_once(give):
    items = [{k: v for k, v in SERVICE.items() if k not in ("kind", "apiVersion")}]
    parsed = give({"kind": "ServiceList", "apiVersion": "v1", "items": items})
    assert rows(parsed, "services", "service") == [("default/web",)]


@pytest.mark.parametrize("kind", ["List", "ServiceList"])
def test_an_empty_list_is_no_object(give, kind):
    parsed = give({"kind": kind, "apiVersion": "v1", "items": []})
    assert (parsed.row_count, parsed.rejects, parsed.tables) == (0, [], {})


def test_a_service_keeps_its_policies(give):
    parsed = give(SERVICE)
    columns = ("type", "session_affinity", "affinity_s", "external_traffic_policy", "internal_traffic_policy")
    assert rows(parsed, "services", *columns) == [("LoadBalancer", "ClientIP", 10800, "Local", "Cluster")]
    assert rows(parsed, "services", "valid_from_us", "valid_to_us") == [(T0, None)]


def test_affinity_seconds_are_the_services_own(give):
    spec = SERVICE["spec"] | {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}}}
    assert rows(give(SERVICE | {"spec": spec}), "services", "affinity_s") == [(60,)]
    spec = SERVICE["spec"] | {"sessionAffinity": "None"}
    assert rows(give(SERVICE | {"spec": spec}), "services", "affinity_s") == [(None,)]


def test_every_address_a_service_is_dialled_at(give):
    http = [r[1:] for r in rows(give(SERVICE), "service_ports", "port_name", "kind", "ip", "port") if r[0] == "http"]
    assert http == [
        ("cluster-ip", "10.200.0.7", 80),
        ("cluster-ip", "fd00:200::7", 80),
        ("external-ip", "192.0.2.7", 80),
        ("load-balancer", "20.1.2.3", 80),
        ("node-port", None, 30080),
    ]


def test_ports_have_protocol_and_target(give):
    columns = ("port_name", "protocol", "service_port", "target_port")
    found = set(rows(give(SERVICE), "service_ports", *columns))
    assert found == {("http", "tcp", 80, "web"), ("dns", "udp", 53, "53")}
    assert 32101 not in {r[0] for r in rows(give(SERVICE), "service_ports", "port")}


def test_a_headless_service_is_dialled_nowhere(give):
    spec = {"type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 80}]}
    parsed = give(SERVICE | {"spec": spec, "status": {}})
    assert rows(parsed, "services", "service") == [("default/web",)]
    assert "service_ports" not in parsed.tables


def test_endpoint_slices_give_port_by_address(give):
    columns = ("service", "port_name", "protocol", "ip", "port", "pod", "node", "ready")
    assert rows(give(SLICE), "endpoints", *columns) == [
        ("default/web", "http", "tcp", "10.100.0.5", 8080, "default/web-0", "n1", True),
        ("default/web", "http", "tcp", "10.100.1.6", 8080, None, None, False),
        ("default/web", "http", "tcp", "10.100.1.7", 8080, None, None, True),
    ]


@pytest.mark.parametrize("odd", [{"ports": None}, {"endpoints": None}, {"addressType": "FQDN"}])
def test_slices_without_an_address_and_port_give_nothing(give, odd):
    parsed = give(SLICE | odd)
    assert (parsed.row_count, parsed.rejects, parsed.tables) == (1, [], {})


def test_endpoints_of_the_old_kind(give):
    columns = ("service", "protocol", "ip", "port", "pod", "ready")
    assert rows(give(ENDPOINTS), "endpoints", *columns) == [
        ("default/old", "udp", "10.100.0.8", 53, "default/old-0", True),
        ("default/old", "tcp", "10.100.0.8", 53, "default/old-0", True),
        ("default/old", "udp", "10.100.0.9", 53, None, False),
        ("default/old", "tcp", "10.100.0.9", 53, None, False),
    ]


def test_a_pod_has_each_of_its_addresses(give):
    columns = ("pod", "ip", "node", "host_network", "phase", "valid_from_us", "valid_to_us")
    assert rows(give(POD), "pods", *columns) == [
        ("default/web-0", "10.100.0.5", "n1", False, "Running", T0 + 1_000_000, None),
        ("default/web-0", "fd00:100::5", "n1", False, "Running", T0 + 1_000_000, None),
    ]


def test_a_pod_without_an_address_is_read_and_gives_no_row(give):
    parsed = give(POD | {"status": {"phase": "Pending"}, "spec": {}})
    assert (parsed.row_count, parsed.rejects, parsed.tables) == (1, [], {})


def finished(phase: str, **status: object) -> dict[str, object]:
    return POD | {"status": {"phase": phase, "startTime": STARTED, "podIP": "10.100.0.5", **status}}


def terminated(at: str) -> dict[str, object]:
    return {"state": {"terminated": {"finishedAt": at}}}


@pytest.mark.parametrize(
    ("pod", "end"),
    [
        (finished("Succeeded", containerStatuses=[terminated(STARTED), terminated(FINISHED)]), T0 + 2_500_000),
        (finished("Failed", conditions=[{"type": "Ready", "lastTransitionTime": FINISHED}]), T0 + 2_500_000),
        (finished("Failed"), T0 + 1_000_000),
        (finished("Running", containerStatuses=[terminated(FINISHED)]), None),
        (POD | {"metadata": meta("web-0", deletionTimestamp=FINISHED)}, T0 + 2_500_000),
    ],
    ids=["last container", "last condition", "nothing tells", "restarting", "deleted"],
)
def test_a_pod_loses_its_address_when_it_ends(give, pod, end):
    assert set(rows(give(pod), "pods", "valid_to_us")) == {(end,)}


def test_a_node_gives_its_addresses_and_pod_ranges(give):
    parsed = give(NODE)
    columns = ("node", "internal_ip", "external_ip", "pod_cidrs", "zone")
    assert rows(parsed, "nodes", *columns) == [
        ("n1", "10.220.1.4", "20.9.9.9", "10.100.0.0/24,fd00:100::/64", "z-1"),
    ]
    assert rows(parsed, "node_addresses", "cidr", "kind") == [
        ("10.220.1.4/32", "node"),
        ("fd00:220:1::4/128", "node"),
        ("20.9.9.9/32", "node"),
        ("10.100.0.0/24", "pods"),
        ("fd00:100::/64", "pods"),
    ]


def test_nothing_secret_is_copied(give):
    parsed = give(MIXED, {"apiVersion": "v1", "kind": "Service", "metadata": {"annotations": "s3cret"}, "spec": {}})
    assert len(parsed.rejects) == 1
    told = repr((parsed.rejects, parsed.findings, [f.rows() for f in parsed.tables.values()]))
    assert "s3cret" not in told
    assert "czNjcmV0" not in told


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (SERVICE | {"spec": SERVICE["spec"] | {"clusterIPs": ["10.x.x.x"]}}, "10.x.x.x"),
        ({k: v for k, v in SERVICE.items() if k != "spec"}, "'spec'"),
        (POD | {"metadata": {}}, "'name'"),
        (POD | {"status": "lost"}, "does not fit the kind"),
        (POD | {"spec": {"nodeName": 7}}, "node is no VARCHAR"),
        (SERVICE | {"spec": SERVICE["spec"] | {"ports": [{"port": 80}, {"port": 2**40}]}}, "port is no INTEGER"),
        ("just a word", "expected"),
    ],
)
def test_an_object_of_the_wrong_shape_is_a_reject_and_no_other_suffers(give, broken, reason):
    parsed = give({"apiVersion": "v1", "items": [broken, NODE], "kind": "List"})
    assert (parsed.row_count, len(parsed.rejects)) == (2, 1)
    assert reason in parsed.rejects[0].reason
    assert list(parsed.tables) == ["node_addresses", "nodes"]


def test_the_reject_names_the_line_its_object_starts_on(tmp_path):
    path = tmp_path / "objects.json"
    path.write_text(as_json({"apiVersion": "v1", "items": [NODE, POD | {"metadata": {}}], "kind": "List"}))
    reject = parse(path).rejects[0]
    lines = path.read_text().splitlines()
    assert lines[reject.line_number - 1].strip() == "{"
    assert lines[reject.line_number + 1].strip() == '"kind": "Pod",'


@pytest.mark.parametrize("text", [as_json(MIXED), as_yaml(MIXED)], ids=["json", "yaml"])
def test_cut_anywhere_it_reads_what_came_before_and_says_so(tmp_path, text):
    path = tmp_path / "cut"
    whole = text.index("Endpoints\n" if text.startswith("api") else '"Endpoints"')  # two objects stand before it
    for length in range(whole, len(text.rstrip()) - 1, 97):
        path.write_text(text[:length])
        parsed = parse(path)
        assert parsed.rejects, length
        assert parsed.rejects[-1].line_number <= text[:length].count("\n") + 1
        assert {"services", "endpoints"} <= set(parsed.tables)


def test_talk_around_json_is_rejected_line_by_line(tmp_path):
    path = tmp_path / "log.json"
    path.write_text(f"Warning: v1 Endpoints is deprecated\n{as_json(ENDPOINTS)}\n{as_json(NODE)}\ndone\n")
    parsed = parse(path)
    assert [(r.text, r.reason) for r in parsed.rejects] == [
        ("Warning: v1 Endpoints is deprecated", "not inside an object"),
        ("done", "not inside an object"),
    ]
    assert parsed.row_count == 4


def test_json_goes_on_after_a_broken_document(tmp_path):
    path = tmp_path / "objects.json"
    path.write_text(f'{{\n  "apiVersion": "v1", "kind": oops\n}}\n{as_json(NODE)}\n')
    parsed = parse(path)
    assert [r.line_number for r in parsed.rejects] == [2]
    assert "nodes" in parsed.tables


def test_a_broken_yaml_item_spoils_no_other():
    parsed = parse(SAMPLES / "kubectl-yaml" / "broken-item.yaml")
    assert rows(parsed, "services", "service") == [("kube-system/kube-dns",), ("team-a/sticky-local",)]
    assert (parsed.row_count, len(parsed.rejects)) == (3, 1)
    lines = (SAMPLES / "kubectl-yaml" / "broken-item.yaml").read_text().splitlines()
    item = next(n for n, line in enumerate(lines, 1) if "never closed" in line)
    assert item <= parsed.rejects[0].line_number <= lines.index("    name: sticky-local")


def test_deep_nesting_is_a_reject_not_a_crash(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text('{"apiVersion": "v1", "kind": "Pod", "spec": ' + "[" * 200_000 + "\n")
    assert len(parse(path).rejects) == 1


def test_one_object_listed_twice_is_one_row(give):
    later = POD | {"status": POD["status"] | {"phase": "Failed"}}
    parsed = give(POD, later)
    assert parsed.row_count == 2
    assert rows(parsed, "pods", "ip", "phase") == [("10.100.0.5", "Failed"), ("fd00:100::5", "Failed")]


@pytest.mark.shared
@pytest.mark.parametrize("scenario", ["default", "single-pod", "dns-udp", "in-cluster-any", "nftables-default"])
def test_lab_clusters_are_read_whole(shared, scenario):
    folder = shared / "data" / "lab" / scenario / "run" / "cluster"
    for path in sorted(folder.iterdir()):
        parsed = parse(path)
        assert parsed.row_count == len(json.loads(path.read_text())["items"])
        assert not parsed.rejects
        assert not parsed.findings
