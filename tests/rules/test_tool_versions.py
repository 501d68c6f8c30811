"""One rule set printed by three releases of the tools, in every form: never a different certain answer."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import InputError
from pipeline.query.trace_command import Packet, answer, read_rules

pytestmark = pytest.mark.shared

NODE = ["10.220.1.4", "10.100.0.1"]
SOURCES = ("203.0.113.9", "198.51.100.200", "10.100.0.11", "10.100.1.12", "10.220.1.4", "10.220.1.5")
COMPLETE = {
    "iptables-legacy": ("iptables-save.txt", ("trixie", "bookworm", "bullseye")),
    "iptables-nft": ("iptables-save.txt", ("trixie", "bookworm")),  # bullseye's 1.8.7 loses what 1.8.9 wrote
    "nftables-nft": ("nft-list-ruleset.txt", ("trixie", "bookworm")),
}


@pytest.fixture
def packets(shared):
    listed = json.loads((shared / "data/dumps/tool-versions/cluster/all.json").read_text())["items"]
    wanted = {("9.9.9.9", "tcp", 80), ("10.220.1.4", "tcp", 22)}
    for service in (o for o in listed if o["kind"] == "Service"):
        spec = service["spec"]
        given = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
        addresses = [*spec.get("clusterIPs", []), *spec.get("externalIPs", []), *(i["ip"] for i in given if "ip" in i)]
        for port in spec.get("ports", []):
            protocol = port["protocol"].lower()
            wanted |= {(a, protocol, port["port"]) for a in addresses if a != "None" and ":" not in a}
            wanted |= {(NODE[0], protocol, port["nodePort"])} if port.get("nodePort") else set()
    return [Packet(source, protocol, ip, port) for ip, protocol, port in sorted(wanted) for source in SOURCES]


def decision(given):
    endpoints = sorted(
        (e["ip"], e["port"], e["probability"] and round(e["probability"], 4)) for e in given["endpoints"]
    )
    return given["verdict"], endpoints, given["source_nat"], given["affinity_s"]


def answers(path, packets):
    rules = read_rules(path)
    return [answer(rules, packet, NODE, None) for packet in packets]


@pytest.mark.parametrize("tools", COMPLETE)
def test_no_form_gives_another_certain_answer(shared, packets, tools):
    folder = shared / "data/dumps/tool-versions" / tools
    name, releases = COMPLETE[tools]
    reference = answers(folder / "trixie" / name, packets)
    assert all(a["certain"] for a in reference)
    read = 0
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".txt", ".json") and "version" not in p.name):
        try:
            given = answers(path, packets)
        except InputError:
            continue  # iptables-legacy rules do not show in nft; nft 0.9.8 cannot print the newer rules at all
        read += 1
        other = [
            (path.name, p, decision(a), decision(r))
            for p, a, r in zip(packets, given, reference, strict=True)
            if a["certain"] and decision(a) != decision(r)
        ]
        assert other == []
        assert all(a["certain"] or a["uncertain_because"] for a in given)
    assert read >= {"iptables-legacy": 18, "iptables-nft": 24, "nftables-nft": 4}[tools]
    for release in releases:
        assert all(a["certain"] for a in answers(folder / release / name, packets))


def test_rules_that_lost_their_ports_are_never_certain(shared, packets):
    old = shared / "data/dumps/tool-versions/iptables-nft/bullseye/iptables-save.txt"
    given = answers(old, packets)
    assert not any(a["certain"] for a in given)
    assert all("left matches out" in " ".join(a["uncertain_because"]) for a in given)
