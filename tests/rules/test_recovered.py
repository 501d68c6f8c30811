"""What Service objects say of rules: lost ports come back as inferred, chains that are not theirs are found."""

from __future__ import annotations

import pytest

from pipeline.formats.kubernetes.kubectl_json import FORMAT
from pipeline.formats.source import Source
from pipeline.query.trace_command import Packet, answer, read_rules
from pipeline.rules import RuleSet
from pipeline.rules.dumps.service_ports import Services
from pipeline.rules.grammar.chain_names import chain_hashes

WEB, ADMIN = chain_hashes("a/web", "http", "tcp")[0], chain_hashes("a/web", "admin", "tcp")[0]
DUMP = f"""*filter
:FORWARD ACCEPT [0:0]
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.200.0.1/32 -p tcp -m comment --comment "a/web:http" -m tcp --dport 80 -j KUBE-SVC-{WEB}
-A KUBE-SERVICES -d 10.200.0.1/32 -p tcp -m comment --comment "a/web:admin" -m tcp --dport 81 -j KUBE-SVC-{ADMIN}
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-NODEPORTS -p tcp -m tcp --dport 30081 -j KUBE-SVC-{ADMIN}
-A KUBE-SVC-{WEB} -j KUBE-SEP-A
-A KUBE-SVC-{ADMIN} -j KUBE-SEP-B
-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.100.0.1:8080
-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.100.0.1:8081
COMMIT
"""
LOST = (
    DUMP.replace(" -m tcp --dport 80 ", " ").replace(" -m tcp --dport 81 ", " ").replace(" -m tcp --dport 30081 ", " ")
)
PORTS = [
    {"service": "a/web", "port_name": name, "protocol": "tcp", "kind": kind, "ip": ip, "port": port}
    for name, kind, ip, port in [
        ("http", "cluster-ip", "10.200.0.1", 80),
        ("admin", "cluster-ip", "10.200.0.1", 81),
        ("admin", "node-port", None, 30081),
    ]
]


@pytest.fixture
def rows(tmp_path):
    def read(text):
        path = tmp_path / "rules.txt"
        path.write_text(text)
        return read_rules(path).rows

    return read


def ask(rules, dst, port):
    return answer(rules, Packet("10.100.3.3", "tcp", dst, port), ["10.220.1.4"], None)


@pytest.mark.parametrize(("dst", "port"), [("10.200.0.1", 80), ("10.200.0.1", 81), ("10.220.1.4", 30081)])
def test_ports_that_were_lost_come_from_the_services_and_are_never_certain(rows, dst, port):
    whole = ask(RuleSet(rows(DUMP)), dst, port)
    given = ask(RuleSet(Services(PORTS).with_ports(rows(LOST))), dst, port)
    assert given["endpoints"] == whole["endpoints"] != []
    assert whole["certain"]
    assert "ports that it left out are taken from the Services" in given["uncertain_because"]


def test_without_the_service_or_with_two_ports_of_one_name_nothing_is_inferred(rows):
    twice = [*PORTS, PORTS[0] | {"port": 8000}]
    kept = Services(twice).with_ports(rows(LOST))["spec"].to_list()
    assert [spec for spec in kept if "inferred" in spec and WEB in spec] == []
    assert Services([]).with_ports(rows(LOST)).equals(rows(LOST))
    assert Services(PORTS).with_ports(rows(DUMP)).equals(rows(DUMP))


def test_a_chain_that_is_not_the_services_is_found_and_kube_proxys_own_is_not(rows):
    assert list(Services(PORTS).misnamed(rows(DUMP))) == []
    other = [PORTS[0] | {"service": "b/shop"}, PORTS[1]]
    (found,) = Services(other).misnamed(rows(DUMP))
    expected = chain_hashes("b/shop", "http", "tcp")[0]
    assert found[1] == (
        f"10.200.0.1:80 is b/shop:http's, for which kube-proxy writes {expected}; these rules go to KUBE-SVC-{WEB}"
    )
    assert list(Services([*other, PORTS[0]]).misnamed(rows(DUMP))) == []  # the address was handed on during the run


@pytest.mark.shared
def test_rules_that_a_tool_lost_ports_of_lead_where_whole_rules_lead(shared):
    folder = shared / "data/dumps/tool-versions"
    objects = FORMAT.parse(Source(folder / "cluster/all.json", "all.json")).tables["service_ports"]
    services = Services(objects.to_dicts())
    whole = read_rules(folder / "iptables-nft/trixie/iptables-save.txt")
    lost = RuleSet(services.with_ports(read_rules(folder / "iptables-nft/bullseye/iptables-save.txt").rows))
    assert list(services.misnamed(whole.rows)) == []
    asked = [frontend for frontend in whole.frontends if frontend in lost.frontends]
    assert len(asked) > 5
    for protocol, ip, port in asked:
        packet = Packet("203.0.113.9", protocol, ip, port)
        one, other = (answer(rules, packet, ["10.220.1.4"], None) for rules in (whole, lost))
        assert one["endpoints"] == other["endpoints"]
        assert not other["certain"]
