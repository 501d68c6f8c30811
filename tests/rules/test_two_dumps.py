"""Two dumps of one node: alike they are one; where they differ, nothing that rests on the difference is certain."""

from __future__ import annotations

import pytest

from pipeline.query.trace_command import Packet, answer, read_rules
from pipeline.rules import RuleSet, TraceContext, Tracer, rule_sets_by_node
from pipeline.rules.model.ip_ranges import number
from pipeline.schema.frames import frame

HEAD = [("PREROUTING", "-j KUBE-SERVICES")]
WEB = ("KUBE-SERVICES", "-d 10.200.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A")
API = ("KUBE-SERVICES", "-d 10.200.0.2/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-B")
OLD = [("KUBE-SVC-A", "-j KUBE-SEP-1"), ("KUBE-SEP-1", "-p tcp -m tcp -j DNAT --to-destination 10.100.0.1:80")]
NEW = [("KUBE-SVC-A", "-j KUBE-SEP-2"), ("KUBE-SEP-2", "-p tcp -m tcp -j DNAT --to-destination 10.100.0.2:80")]
ELSE = [("KUBE-SVC-B", "-j KUBE-SEP-3"), ("KUBE-SEP-3", "-p tcp -m tcp -j DNAT --to-destination 10.100.0.3:80")]
POST = [("POSTROUTING", "-j KUBE-POSTROUTING"), ("KUBE-POSTROUTING", "-m mark ! --mark 0x4000/0x4000 -j RETURN")]


def dump(file, rules):
    """Rows of the table `rules`, as one file gives them."""
    counts: dict[str, int] = {}
    for line, (chain, spec) in enumerate([*HEAD, *rules, *POST], start=1):
        counts[chain] = counts.get(chain, 0) + 1
        yield {
            "family": "ip", "table_name": "nat", "chain": chain, "rule_number": counts[chain], "file": file,
            "line_number": line, "text": f"-A {chain} {spec}", "spec": spec,
            "target": spec.split("-j ")[-1].split()[0],
        }  # fmt: skip


def traced(dumps, address):
    rules = RuleSet(frame("rules", [row for d in dumps for row in d]))
    context = TraceContext("ip", "tcp", [number("10.100.9.9")], "pod", frozenset({number("10.220.0.4")}))
    (found,) = Tracer(rules, context).trace(number(address), 80)
    return found


def doubts(found):
    return [why for why in found.uncertain_because if "differs between" in why]


def test_two_dumps_that_say_the_same_are_one():
    before, after = dump("a.txt", [WEB, *OLD]), dump("b.txt", [WEB, *OLD])
    assert doubts(traced([before, after], "10.200.0.1")) == []


def test_a_changed_service_is_uncertain_and_names_both_dumps():
    found = traced([dump("a.txt", [WEB, *OLD]), dump("b.txt", [WEB, *NEW])], "10.200.0.1")
    assert doubts(found) == ["chain KUBE-SVC-A differs between a.txt and b.txt"]
    assert not found.certain


def test_another_service_is_not_touched():
    dumps = [dump("a.txt", [WEB, API, *OLD, *ELSE]), dump("b.txt", [API, *ELSE])]
    assert doubts(traced(dumps, "10.200.0.2")) == []
    dumps = [dump("a.txt", [WEB, API, *OLD, *ELSE]), dump("b.txt", [API, *ELSE])]
    assert doubts(traced(dumps, "10.200.0.1")) == ["chain KUBE-SERVICES differs between a.txt and b.txt"]


NFT = """table ip kube-proxy {{
\tset affinity-A {{
\t\ttype ipv4_addr
\t\tflags dynamic,timeout
\t\ttimeout 3h
\t\telements = {{ {remembered} }}
\t}}

\tmap service-ips {{
\t\ttype ipv4_addr . inet_proto . inet_service : verdict
\t\telements = {{ 10.200.0.1 . tcp . 80 : goto service-A, 10.200.0.2 . tcp . 80 : goto service-{other} }}
\t}}

\tmap service-nodeports {{
\t\ttype inet_proto . inet_service : verdict
\t\telements = {{ tcp . {node_port} : goto service-A }}
\t}}

\tchain prerouting {{
\t\ttype nat hook prerouting priority dstnat; policy accept;
\t\tip daddr . meta l4proto . th dport vmap @service-ips
\t\tip daddr 10.220.1.4 meta l4proto . th dport vmap @service-nodeports
\t}}

\tchain service-A {{
\t\tip saddr @affinity-A counter packets {count} bytes 60 goto endpoint-1
\t\tgoto endpoint-1
\t}}

\tchain service-B {{
\t\tgoto endpoint-1
\t}}

\tchain endpoint-1 {{
\t\tcounter packets {count} bytes 60 dnat to 10.100.0.1:80
\t}}
}}
"""
BEFORE = {"remembered": "10.9.9.9 expires 2h59m", "other": "A", "node_port": 30080, "count": 1}


@pytest.mark.parametrize(
    ("change", "asked", "disputed"),
    [
        ({"count": 99}, ("10.200.0.1", 80), None),
        ({"remembered": "10.9.9.9 expires 1h, 10.9.9.8 expires 2h"}, ("10.200.0.1", 80), None),
        ({"other": "B"}, ("10.200.0.1", 80), None),
        ({"other": "B"}, ("10.200.0.2", 80), "set service-ips differs between a.txt and b.txt"),
        ({"node_port": 30081}, ("10.200.0.1", 80), None),
        ({"node_port": 30081}, ("10.220.1.4", 30080), "set service-nodeports differs between a.txt and b.txt"),
        ({"node_port": 30081}, ("10.220.1.4", 30081), "set service-nodeports differs between a.txt and b.txt"),
    ],
)
def test_elements_of_nft_maps_that_differ_make_their_own_destinations_doubtful(tmp_path, change, asked, disputed):
    (tmp_path / "a.txt").write_text(NFT.format(**BEFORE))
    (tmp_path / "b.txt").write_text(NFT.format(**BEFORE | change))
    rules = read_rules(tmp_path / "a.txt", tmp_path / "b.txt")
    given = answer(rules, Packet("203.0.113.9", "tcp", *asked), ["10.220.1.4"], None)
    found = [why for why in given["uncertain_because"] if "differs between" in why]
    assert found == ([disputed] if disputed else [])


def test_ipsets_that_differ_are_doubted(tmp_path):
    rules = (
        "*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\n-A PREROUTING -m set --match-set S dst -j DNAT --to 10.0.0.1\n"
    )
    (tmp_path / "rules.txt").write_text(rules.replace("--to ", "--to-destination ") + "COMMIT\n")
    for name, member in (("a.txt", "10.200.0.1"), ("b.txt", "10.200.0.2")):
        (tmp_path / name).write_text(f"create S hash:ip family inet\nadd S {member}\n")
    loaded = read_rules(*(tmp_path / name for name in ("a.txt", "b.txt", "rules.txt")))
    given = answer(loaded, Packet("203.0.113.9", "tcp", "10.200.0.1", 80), ["10.220.1.4"], None)
    assert "set S differs between a.txt and b.txt" in given["uncertain_because"]


def test_one_dump_as_a_listing_and_as_iptables_save_is_one(tmp_path):
    listing = (
        "Chain PREROUTING (policy ACCEPT)\ntarget     prot opt source               destination\n"
        "KUBE-SVC-A  tcp  --  0.0.0.0/0            10.200.0.1           /* default/web cluster IP */ tcp dpt:80\n"
    )
    saved = (
        "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.200.0.1/32 -p tcp -m comment --comment "
        '"default/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-A\nCOMMIT\n'
    )
    (tmp_path / "a.txt").write_text(f"iptables -t nat -nL\n{listing}")
    (tmp_path / "b.txt").write_text(saved)
    rules = read_rules(tmp_path / "a.txt", tmp_path / "b.txt")
    given = answer(rules, Packet("203.0.113.9", "tcp", "10.200.0.1", 80), ["10.220.1.4"], None)
    assert not any("differs between" in why for why in given["uncertain_because"])


def test_nodes_with_the_same_rules_share_them_and_cite_their_own_files():
    rows = [list(dump(file, [WEB, *OLD, ("KUBE-SVC-A", "-m odd -j DROP")])) for file in ("a.txt", "b.txt")]
    rules = rule_sets_by_node((name, frame("rules", r)) for name, r in zip("ab", rows, strict=True))
    assert rules["a"].frontend_index is rules["b"].frontend_index
    context = TraceContext("ip", "tcp", [number("10.100.9.9")], "pod", frozenset({number("10.220.0.4")}))
    for node in rules:
        (shared,) = Tracer(rules[node], context).trace(number("10.200.0.1"), 80)
        (alone,) = Tracer(RuleSet(frame("rules", rows["ab".index(node)])), context).trace(number("10.200.0.1"), 80)
        assert shared == alone
        assert {rules[node].columns["file"][row] for row in shared.rows} == {f"{node}.txt"}
        assert all(".txt" not in why or f"{node}.txt" in why for why in shared.uncertain_because)


def test_nodes_whose_rules_differ_in_one_share_nothing():
    frames = [frame("rules", list(dump("a.txt", [WEB, *rules]))) for rules in (OLD, NEW)]
    rules = rule_sets_by_node(zip("ab", frames, strict=True))
    assert rules["a"].frontend_index is not rules["b"].frontend_index


SAVED = """*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.200.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.100.0.1:80
COMMIT
"""
VIEWED = """table ip nat {
\tchain PREROUTING {
\t\ttype nat hook prerouting priority dstnat; policy accept;
\t\tcounter packets 7 bytes 420 jump KUBE-SERVICES
\t}

\tchain KUBE-SERVICES {
\t\tip daddr 10.200.0.1 tcp dport 80 counter packets 1 bytes 60 xt target "DNAT"
\t}
}
"""


@pytest.mark.parametrize("more", ["", "table ip nat {\n\tchain KUBE-LOST {\n\t\treturn\n\t}\n}\n"])
def test_nfts_view_of_what_iptables_save_shows_whole_is_left_out_and_this_is_told(tmp_path, capsys, more):
    (tmp_path / "save.txt").write_text(SAVED)
    (tmp_path / "nft.txt").write_text(VIEWED + more)
    rules = read_rules(tmp_path / "save.txt", tmp_path / "nft.txt")
    given = answer(rules, Packet("203.0.113.9", "tcp", "10.200.0.1", 80), ["10.220.1.4"], None)
    assert given["certain"] is not bool(more)
    assert ("leave parts of these rules out" in capsys.readouterr().err) is not bool(more)
    assert not any("differs" in why for why in given["uncertain_because"])
    assert any("nft shows rules that iptables-nft wrote" in why for why in given["uncertain_because"]) is bool(more)


def test_a_listing_of_tables_that_iptables_save_shows_is_left_out_as_labelling_does(tmp_path):
    listing = """Chain PREROUTING (policy ACCEPT)
target     prot opt source               destination
KUBE-SERVICES  all  --  0.0.0.0/0            0.0.0.0/0

Chain KUBE-SERVICES (1 references)
target     prot opt source               destination
"""
    (tmp_path / "save.txt").write_text(SAVED)
    (tmp_path / "list.txt").write_text(listing)
    rules = read_rules(tmp_path / "save.txt", tmp_path / "list.txt")
    assert set(rules.rows["file"]) == {"save.txt"}
