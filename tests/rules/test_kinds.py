"""Every kind of match and target, and the chains that CNIs add: what each does to one connection's translation."""

from __future__ import annotations

import pytest

from pipeline.query.trace_command import Packet, answer, read_rules

DUMP = """*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
{raw}
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
{mangle}
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:ELSE - [0:0]
{nat}
-A PREROUTING -d 10.200.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.100.0.1:8080
{post}
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
{filter}
COMMIT
"""
CLIENT, POD, NODE = "203.0.113.9", "10.100.0.9", "10.220.1.4"
ELSE = "-A ELSE -p tcp -j DNAT --to-destination 10.100.0.2:8080\n"
FIRST, SECOND = "10.100.0.1", "10.100.0.2"


@pytest.fixture
def ask(tmp_path):
    def trace(src=CLIENT, dst="10.200.0.1", port=80, origin=None, protocol="tcp", **lines):
        path = tmp_path / "rules.txt"
        path.write_text(DUMP.format(**dict.fromkeys(("raw", "mangle", "nat", "post", "filter"), "") | lines))
        return answer(read_rules(path), Packet(src, protocol, dst, port), [NODE], origin)

    return trace


MATCHES = [
    ("-s 203.0.113.0/24", True),
    ("-s 203.0.113.0/24,198.51.100.0/24", True),
    ("-s 192.0.2.0/24", False),
    ("-d 10.200.0.0/16", True),
    ("-p tcp", True),
    ("-p 6", True),
    ("-p udp", False),
    ("-p tcp -m tcp --dport 80", True),
    ("-p tcp -m tcp --dport 1:79", False),
    ("-p tcp -m multiport --dports 22,80,8000:9000", True),
    ("-p tcp -m multiport --dports 22,443", False),
    ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", True),
    ("-p tcp -m tcp --syn", True),
    ('-m comment --comment "has ! -s 1.2.3.4 and \\"quotes\\" */"', True),
    ("-m mark --mark 0x0/0x4000", True),
    ("-m mark --mark 0x4000/0x4000", False),
    ("-m connmark --mark 0x0/0xff", True),
    ("-m addrtype --dst-type LOCAL", False),
    ("-m addrtype --src-type LOCAL", False),
    ("-m addrtype --dst-type MULTICAST", False),
    ("-m conntrack --ctstate NEW", True),
    ("-m conntrack --ctstate RELATED,ESTABLISHED", False),
    ("-m conntrack --ctstatus DNAT", False),
    ("-m state --state NEW,ESTABLISHED", True),
    ("-m statistic --mode random --probability 1.00000000000", True),
    ("-m iprange --src-range 203.0.113.1-203.0.113.99", True),
    ("-m iprange --dst-range 10.200.0.2-10.200.0.9", False),
    ("-m nfacct --nfacct-name ct_state_invalid_dropped_pkts", True),
]
NEGATABLE = " --ct", " --mark", " --dports", " --dport", " --src-", " --dst-", " --tcp-flags", "-s ", "-d ", "-p "


def negated(match):
    """The match with `!` before its last option."""
    option = next(option for option in NEGATABLE if option in match)
    at = match.index(option) + option.startswith(" ")
    return f"{match[:at]}! {match[at:]}"


def can_be_negated(match):
    listed = match.startswith("-s") and "," in match  # the tool writes these as several rules
    return not listed and "--comment" not in match and any(option in match for option in NEGATABLE)


@pytest.mark.parametrize(
    ("match", "matches"),
    [*MATCHES, *((negated(match), not matches) for match, matches in MATCHES if can_be_negated(match))],
)
def test_matches_and_their_negation(ask, match, matches):
    given = ask(nat=f"{ELSE}-A PREROUTING {match} -j ELSE")
    assert given["certain"], given["uncertain_because"]
    assert [e["ip"] for e in given["endpoints"]] == [SECOND if matches else FIRST]


@pytest.mark.parametrize(
    ("match", "why"),
    [
        ("-m physdev --physdev-is-bridged", "physdev"),
        ("-m owner --uid-owner 1337", "owner"),
        ("-m time --timestart 08:00", "time"),
        ("-m string --string GET --algo bm", "string"),
        ("-i eth0", "the interface it came in by is not known: is it eth0?"),
        ("-p tcp -m tcp --sport 1024", "the source port is not known"),
        ("-m set --match-set S dst", "ipset S is not in the dump"),
        ("-m mark --mark oops", "not understood"),
    ],
)
@pytest.mark.parametrize("is_negated", [False, True])
def test_what_a_dump_cannot_tell_is_uncertain_with_its_candidates(ask, match, why, is_negated):
    if is_negated:
        head, _, tail = match.rpartition(" -") if match.startswith("-m") or "sport" in match else ("", "", match[1:])
        match = f"{head} ! -{tail}".strip()
    given = ask(nat=f"{ELSE}-A PREROUTING {match} -j ELSE")
    assert not given["certain"]
    assert any(why in reason for reason in given["uncertain_because"]), given["uncertain_because"]
    assert {e["ip"] for e in given["endpoints"]} == {FIRST, SECOND}


@pytest.mark.parametrize(
    ("rules", "source_nat"),
    [
        ({"nat": "-A PREROUTING -j MARK --set-xmark 0x4000/0x4000"}, True),
        ({"nat": "-A PREROUTING -j MARK --or-mark 0x4000"}, True),
        ({"nat": "-A PREROUTING -j MARK --set-mark 0x4001/0xff"}, True),
        ({"nat": "-A PREROUTING -j MARK --set-mark 0x1"}, False),
        ({"nat": "-A PREROUTING -j MARK --or-mark 0x4000\n-A PREROUTING -j MARK --xor-mark 0x4000"}, False),
        ({"nat": "-A PREROUTING -j MARK --or-mark 0x4000\n-A PREROUTING -j MARK --and-mark 0xff"}, False),
        ({"mangle": "-A PREROUTING -j MARK --or-mark 0x4000"}, True),
        ({"raw": "-A PREROUTING -j MARK --or-mark 0x4000"}, True),
        ({"raw": "-A PREROUTING -j MARK --or-mark 0x4000", "mangle": "-A FORWARD -j MARK --set-mark 0x0"}, False),
        (
            {
                "mangle": "-A PREROUTING -j CONNMARK --set-xmark 0x4000/0x4000",
                "nat": "-A PREROUTING -j CONNMARK --restore-mark --nfmask 0x4000 --ctmask 0x4000",
            },
            True,
        ),
        (
            {
                "mangle": "-A PREROUTING -j MARK --or-mark 0x4000\n-A PREROUTING -j CONNMARK --save-mark\n"
                "-A PREROUTING -j MARK --set-mark 0x0\n-A FORWARD -j CONNMARK --restore-mark",
            },
            True,
        ),
    ],
)
def test_marks_reach_postrouting_from_every_table(ask, rules, source_nat):
    given = ask(**rules, post="-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE")
    assert given["certain"], given["uncertain_because"]
    assert given["source_nat"] is source_nat


@pytest.mark.parametrize(
    ("target", "verdict", "ends"),
    [
        ("-j ACCEPT", "none", []),
        ("-j RETURN", "none", []),
        ("-j DNAT --to-destination 10.100.0.7", "dnat", [("10.100.0.7", 80)]),
        ("-p tcp -j DNAT --to-destination :8080", "dnat", [("10.200.0.1", 8080)]),
        ("-p tcp -j REDIRECT --to-ports 15001", "dnat", [(NODE, 15001)]),
        ("-j LOG --log-prefix x", "dnat", [(FIRST, 8080)]),
        ("-j NFLOG --nflog-group 1", "dnat", [(FIRST, 8080)]),
    ],
)
def test_targets(ask, target, verdict, ends):
    given = ask(nat=f"-A PREROUTING {target}")
    assert given["certain"], given["uncertain_because"]
    assert given["verdict"] == verdict
    assert [(e["ip"], e["port"]) for e in given["endpoints"]] == ends


def test_what_is_not_tracked_is_not_translated(ask):
    assert ask(raw="-A PREROUTING -d 10.200.0.1/32 -j CT --notrack")["verdict"] == "none"


def test_goto_comes_back_to_the_caller_and_return_to_the_next_rule(ask):
    dnat = "-A ELSE -p tcp -j DNAT --to-destination 10.100.0.3:1"
    nat = f"-A PREROUTING -j ELSE\n-A ELSE -g NEXT\n{dnat}\n-A NEXT -j RETURN"
    assert [e["ip"] for e in ask(nat=nat)["endpoints"]] == [FIRST]
    nat = nat.replace("-g NEXT", "-j NEXT")
    assert [e["ip"] for e in ask(nat=nat)["endpoints"]] == ["10.100.0.3"]


def test_nth_is_a_share(ask):
    given = ask(nat=f"{ELSE}-A PREROUTING -m statistic --mode nth --every 4 --packet 0 -j ELSE")
    assert {e["ip"]: e["probability"] for e in given["endpoints"]} == {FIRST: 0.75, SECOND: 0.25}


def test_an_unknown_target_makes_what_follows_it_uncertain(ask):
    given = ask(nat="-A PREROUTING -j TPROXY --on-port 15001 --tproxy-mark 0x1/0xffffffff")
    assert not given["certain"]
    assert any("rules.txt:" in why and "TPROXY" in why for why in given["uncertain_because"])


# What CNIs and their neighbours add, in their own words: (source, rules, endpoints, source rewritten, certain).
CALICO = """-A POSTROUTING -m comment --comment "cali:O3lYWMrLQYEMJtB5" -j cali-POSTROUTING
-A cali-POSTROUTING -m comment --comment "cali:NVEpvjDIvFjKvZZ3" -j cali-nat-outgoing
-A cali-nat-outgoing -s 10.100.0.0/16 ! -d 10.0.0.0/8 -j MASQUERADE --random-fully"""
CALICO_FILTER = """-A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
-A cali-FORWARD -m comment --comment "cali:vjrMJCRpqwy5oRoX" -j MARK --set-xmark 0x0/0xe0000
-A cali-FORWARD -i cali+ -j cali-from-wl-dispatch
-A cali-FORWARD -m mark --mark 0x10000/0x10000 -j ACCEPT"""
IP_MASQ = """-A POSTROUTING -m addrtype ! --dst-type LOCAL -j IP-MASQ-AGENT
-A IP-MASQ-AGENT -d 10.0.0.0/8 -m comment --comment "ip-masq-agent: local traffic is not masqueraded" -j RETURN
-A IP-MASQ-AGENT -m comment --comment "ip-masq-agent: outbound traffic (must be last in chain)" -j MASQUERADE"""
AWS = """-A POSTROUTING -m comment --comment "AWS SNAT CHAIN" -j AWS-SNAT-CHAIN-0
-A AWS-SNAT-CHAIN-0 -d {vpc} -m comment --comment "AWS SNAT CHAIN" -j RETURN
-A AWS-SNAT-CHAIN-0 ! -o vlan+ -m addrtype ! --dst-type LOCAL -j SNAT --to-source 10.220.1.4 --random-fully"""
CILIUM = """-A POSTROUTING -m comment --comment "cilium-feeder: CILIUM_POST_nat" -j CILIUM_POST_nat
-A CILIUM_POST_nat -s 10.100.0.0/24 -m set --match-set cilium_node_set_v4 dst -j ACCEPT
-A CILIUM_POST_nat -s 10.100.0.0/24 ! -d 10.100.0.0/16 ! -o cilium_+ -j MASQUERADE"""
DOCKER = """-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"""
ROUTER = """-A FORWARD -m comment --comment "kube-router netpol" -j KUBE-ROUTER-FORWARD
-A KUBE-ROUTER-FORWARD -d 10.100.0.1/32 -m comment --comment "pod firewall" -j KUBE-POD-FW-ABCDEFGH
-A KUBE-POD-FW-ABCDEFGH -m mark ! --mark 0x10000/0x10000 -j REJECT --reject-with icmp-port-unreachable"""
NPM = """-A FORWARD -m conntrack --ctstate NEW -j AZURE-NPM
-A AZURE-NPM -m set --match-set azure-npm-123 dst -j AZURE-NPM-INGRESS
-A AZURE-NPM-INGRESS -j DROP"""
CNIS = (
    *("calico pod", "calico", "ip-masq-agent", "ip-masq-agent outbound", "aws", "aws outbound", "cilium", "cilium pod"),
    *("docker", "kube-router", "azure npm", "istio"),
)
ISTIO = """-A PREROUTING -p tcp -j ISTIO_INBOUND
-A ISTIO_INBOUND -p tcp -m tcp --dport 22 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006"""


@pytest.mark.parametrize(
    ("src", "rules", "ends", "source_nat", "certain"),
    [
        (POD, {"post": CALICO, "filter": CALICO_FILTER}, [FIRST], False, True),
        (CLIENT, {"post": CALICO, "filter": CALICO_FILTER}, [FIRST], False, True),
        (CLIENT, {"post": IP_MASQ}, [FIRST], False, True),
        (POD, {"post": IP_MASQ.replace("10.0.0.0/8", "10.99.0.0/16")}, [FIRST], True, True),
        (POD, {"post": AWS.format(vpc="10.0.0.0/8")}, [FIRST], False, True),
        (POD, {"post": AWS.format(vpc="10.99.0.0/16")}, [FIRST], None, False),
        (CLIENT, {"post": CILIUM}, [FIRST], False, True),
        (POD, {"post": CILIUM}, [FIRST], False, True),
        (CLIENT, {"post": DOCKER}, [FIRST], False, True),
        (CLIENT, {"filter": ROUTER}, [FIRST], False, True),
        (CLIENT, {"filter": NPM}, [FIRST], False, True),
        (CLIENT, {"nat": ISTIO}, [NODE], False, True),
    ],
    ids=CNIS,
)
def test_chains_of_cnis(ask, src, rules, ends, source_nat, certain):
    given = ask(src=src, **rules)
    assert [e["ip"] for e in given["endpoints"]] == ends
    assert given["source_nat"] is source_nat, given["uncertain_because"]
    assert given["certain"] is certain, given["uncertain_because"]


def test_the_nodes_own_packets_go_by_output(ask):
    nat = "-A OUTPUT -d 10.200.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.100.0.5:8080"
    given = ask(src=NODE, nat=nat)
    assert [e["ip"] for e in given["endpoints"]] == ["10.100.0.5"]
    assert ask(src=NODE, nat=nat, filter="-A OUTPUT -d 10.100.0.5/32 -j DROP")["verdict"] == "drop"
    assert ask(src=NODE, nat=nat, filter="-A FORWARD -j DROP")["verdict"] == "dnat"


def test_interfaces_of_pods_are_known_where_the_origin_is(ask):
    rules = {
        "nat": "-A PREROUTING ! -i azv+ -j MARK --or-mark 0x4000",
        "post": "-A POSTROUTING -m mark --mark 0x4000 -j MASQUERADE",
    }
    assert ask(origin="pod", src=POD, **rules)["source_nat"] is False
    assert ask(origin="external", **rules)["source_nat"] is True
    unknown = ask(**rules)
    assert unknown["source_nat"] is None
    assert not unknown["certain"]
