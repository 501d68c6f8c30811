"""`ip -j addr`: addresses of the node itself, and the range of a pod bridge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.formats.ip_addr import FORMAT
from pipeline.formats.source import Source

if TYPE_CHECKING:
    from pipeline.formats.base import Parsed

SAMPLES = Path(__file__).parent / "samples" / "ip-addr-json"


def parse(path: Path) -> Parsed:
    source = Source(path, path.name)
    assert FORMAT.recognise(source.head()) == 90
    return FORMAT.parse(source)


def rows(parsed: Parsed) -> list[tuple[object, ...]]:
    found = parsed.tables.get("node_addresses")
    return [] if found is None else found.select("cidr", "kind", "interface").rows()


def interface(name: str, *addresses: str) -> dict[str, object]:
    infos = [dict(zip(("local", "prefixlen"), a.split("/"), strict=True)) for a in addresses]
    return {"ifname": name, "addr_info": [i | {"prefixlen": int(i["prefixlen"])} for i in infos]}


@pytest.fixture
def give(tmp_path):
    def read(*interfaces: object) -> Parsed:
        path = tmp_path / "ip-addr.json"
        path.write_text(json.dumps([interface("lo", "127.0.0.1/8", "::1/128"), *interfaces], indent=1))
        return parse(path)

    return read


def test_a_kubenet_node_has_two_addresses_and_a_pod_range():
    assert rows(parse(SAMPLES / "kubenet.json")) == [
        ("10.220.1.4/32", "interface", "eth0"),
        ("10.100.0.1/32", "interface", "cbr0"),
        ("10.100.0.0/24", "pods", "cbr0"),
    ]


def test_a_point_to_point_node_has_no_range():
    assert rows(parse(SAMPLES / "point-to-point.json")) == [("10.220.1.5/32", "interface", "eth0")]


def test_loopback_and_link_local_addresses_give_no_rows(give):
    parsed = give(interface("eth0", "fe80::1/64", "169.254.1.1/16"))
    assert (parsed.row_count, parsed.rejects, rows(parsed)) == (4, [], [])


@pytest.mark.parametrize(
    ("name", "address", "expected"),
    [
        ("eth0", "10.220.1.4/24", ["interface"]),
        ("docker0", "172.17.0.1/16", ["interface"]),
        ("azure0", "10.240.0.4/16", ["interface"]),
        ("weave", "10.32.0.1/12", ["interface"]),
        ("flannel.1", "10.244.1.0/32", ["interface"]),
        ("cni0", "10.244.1.1/24", ["interface", "pods"]),
        ("kube-bridge", "fd00:100::1/64", ["interface", "pods"]),
        ("cbr0", "10.244.1.1/32", ["interface"]),
        ("kube-ipvs0", "10.96.0.1/32", []),
        ("nodelocaldns", "10.96.0.10/32", []),
    ],
)
def test_only_known_pod_bridges_give_a_range(give, name, address, expected):
    assert [kind for _, kind, _ in rows(give(interface(name, address)))] == expected


def test_interfaces_without_an_address_are_no_rows(give):
    parsed = give({}, {"ifname": "dummy0", "addr_info": []}, {"ifname": "veth0"})
    assert (parsed.row_count, parsed.rejects) == (2, [])


@pytest.mark.parametrize(
    "odd",
    ["a word", {"ifname": "x", "addr_info": 7}, {"ifname": "x", "addr_info": [{"local": "10.x.x.x", "prefixlen": 24}]}],
)
def test_an_invalid_address_is_a_reject_with_its_line(give, odd):
    parsed = give(odd, interface("eth0", "10.220.1.4/24"))
    assert (parsed.row_count, len(parsed.rejects)) == (4, 1)
    assert parsed.rejects[0].line_number > 1
    assert rows(parsed) == [("10.220.1.4/32", "interface", "eth0")]


def test_interfaces_before_a_broken_end_are_kept():
    parsed = parse(SAMPLES / "broken-cut-short.json")
    assert [r[0] for r in rows(parsed)] == ["10.220.1.4/32"]
    assert [r.line_number for r in parsed.rejects] == [1]
    assert parsed.row_count == 5


@pytest.mark.parametrize("text", ["", "(", "{}", "{]", '{"ifname": "eth0"'])
def test_text_that_is_no_list_is_one_reject(tmp_path, text):
    path = tmp_path / "ip-addr.json"
    path.write_text(text)
    assert len(FORMAT.parse(Source(path, path.name)).rejects) >= 1


@pytest.mark.shared
def test_every_lab_node_has_its_own_address(shared):
    for path in sorted((shared / "data" / "lab").glob("*/run/nodes/*/ip-addr.json")):
        parsed = parse(path)
        assert not parsed.rejects
        assert rows(parsed)[0][0] in {"10.220.1.4/32", "10.220.1.5/32", "10.220.1.6/32"}
