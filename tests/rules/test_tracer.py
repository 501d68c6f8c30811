"""One rule kind at a time: what the tracer answers, and that it says why where it cannot know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.query.trace_command import Packet, answer, read_rules, render_text
from pipeline.rules.grammar import iptables, kube_proxy_rules
from pipeline.rules.grammar.chain_names import chain_hashes
from pipeline.rules.model.context import TraceContext
from pipeline.rules.model.ip_ranges import number
from pipeline.rules.tracing.tracer import Tracer

SERVICE = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
{filter}
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-A - [0:0]
:KUBE-SEP-A - [0:0]
:KUBE-SEP-B - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
{nat}
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MASQUERADE
-A KUBE-SVC-A -m statistic --mode random --probability 0.25 -j KUBE-SEP-A
-A KUBE-SVC-A -j KUBE-SEP-B
-A KUBE-SEP-A -s 10.100.0.1/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-A -p tcp -j DNAT --to-destination 10.100.0.1:8080
-A KUBE-SEP-B -s 10.100.0.2/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-B -p tcp -j DNAT --to-destination 10.100.0.2:8080
COMMIT
"""
TO_SERVICE = "-A KUBE-SERVICES -d 10.200.0.1/32 -p tcp -m tcp --dport 80 "


@pytest.fixture
def ask(tmp_path):
    """Trace one packet through the service's rules with some lines added."""

    def trace(nat=TO_SERVICE + "-j KUBE-SVC-A", filtering="", src="203.0.113.9", dst="10.200.0.1", port=80, whole=None):
        path = tmp_path / "rules.txt"
        path.write_text(whole or SERVICE.format(nat=nat, filter=filtering))
        return answer(read_rules(path), Packet(src, "tcp", dst, port), ["10.220.1.4"], None)

    return trace


def shares(given):
    return {e["ip"]: e["probability"] for e in given["endpoints"]}


def test_shares_multiply_along_the_chain(ask):
    given = ask()
    assert given["verdict"] == "dnat"
    assert given["certain"]
    assert shares(given) == {"10.100.0.1": 0.25, "10.100.0.2": 0.75}
    assert given["source_nat"] is False


def test_only_the_hairpin_is_rewritten(ask):
    given = ask(src="10.100.0.1")
    assert given["certain"]
    assert given["source_nat"] is None  # rewritten for one endpoint, not for the other
    assert shares(given) == {"10.100.0.1": 0.25, "10.100.0.2": 0.75}


def test_every_step_is_a_line_of_the_dump(ask, tmp_path):
    given = ask()
    lines = (tmp_path / "rules.txt").read_text().splitlines()
    assert given["steps"]
    assert all(lines[s["line_number"] - 1] == s["text"] for s in given["steps"])
    assert given["steps"][0]["chain"] == "PREROUTING"


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("-A FORWARD -d 10.200.0.1/32 -p tcp -m tcp --dport 80 -j REJECT", "none"),  # translated before it comes here
        ("-A FORWARD -d 10.100.0.0/16 -j DROP", "drop"),
        ("-A FORWARD -m conntrack --ctstate DNAT -j REJECT", "reject"),
        ("-A FORWARD -m mark --mark 0x4000/0x4000 -j DROP", "none"),
        ("-A FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP", "drop"),
        ("-A FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK ACK -j DROP", "none"),
        ("-A FORWARD -m iprange --src-range 203.0.113.1-203.0.113.20 -j DROP", "drop"),
        ("-A FORWARD -p tcp -m multiport --dports 1,8000:9000 -j DROP", "drop"),
        ('-A FORWARD -m comment --comment "a \\"quoted\\" */ -j DROP" -s 1.1.1.1/32 -j DROP', "none"),
    ],
)
def test_filter_rules(ask, rule, verdict):
    given = ask(filtering=rule)
    assert given["certain"]
    assert given["verdict"] == ("dnat" if verdict == "none" else verdict)


def test_an_unknown_match_that_changes_nothing_leaves_the_answer_certain(ask):
    given = ask(filtering="-A FORWARD -m bpf --bytecode 4,1 -j ACCEPT")
    assert given["certain"]


def test_an_unknown_match_that_matters_is_named(ask):
    given = ask(nat=TO_SERVICE + "-m bpf --bytecode 4,1 -j KUBE-SVC-A")
    assert not given["certain"]
    assert any("bpf --bytecode" in reason for reason in given["uncertain_because"])
    assert {e["ip"] for e in given["endpoints"]} == {"10.100.0.1", "10.100.0.2"}


def test_a_missing_chain_is_named_and_gives_candidates(ask):
    given = ask(nat=TO_SERVICE + "-j KUBE-FW-A")
    assert not given["certain"]
    assert given["source_nat"] is None
    assert "chain KUBE-FW-A is not in the dump" in given["uncertain_because"]
    assert shares(given) == {"10.100.0.1": None, "10.100.0.2": None}


def test_a_jump_cycle_ends_and_is_named(ask):
    loop = "-A KUBE-SERVICES -j LOOP\n-A LOOP -j POOL\n-A POOL -j LOOP\n-A POOL -j POOL\n"
    given = ask(nat=loop + TO_SERVICE + "-j KUBE-SVC-A")
    assert not given["certain"]
    assert any("jumps back to itself" in reason for reason in given["uncertain_because"])


def test_affinity_is_told_and_does_not_change_the_shares(ask):
    again = "-A KUBE-SVC-A -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-A --rsource -j KUBE-SEP-A\n"
    given = ask(nat=again + TO_SERVICE + "-j KUBE-SVC-A")
    assert given["affinity_s"] == 10800
    assert [s["text"] for s in given["steps"] if "--rcheck" in s["text"]] == [again.strip()]
    assert given["certain"]
    assert shares(given) == {"10.100.0.1": 0.25, "10.100.0.2": 0.75}


def test_a_dump_without_nat_rules_is_never_certain(ask):
    given = ask(whole="*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 10.200.0.9/32 -j REJECT\nCOMMIT\n")
    assert given["verdict"] == "none"
    assert not given["certain"]


def test_many_open_questions_end_in_bounded_time(ask):
    doubts = "\n".join(f"-A KUBE-SERVICES -m bpf --bytecode {i},1 -j MARK --or-mark {1 << i % 31}" for i in range(40))
    given = ask(nat=doubts + "\n" + TO_SERVICE + "-j KUBE-SVC-A")
    assert not given["certain"]


def test_a_trace_with_too_many_branches_leaves_the_next_one_certain(tmp_path):
    to_other = "-A KUBE-SERVICES -d 10.200.0.2/32 "
    doubts = [to_other + f"-m bpf --bytecode {i},1 -j MARK --or-mark {1 << i:#x}" for i in range(20)]
    path = tmp_path / "rules.txt"
    path.write_text(SERVICE.format(nat="\n".join([*doubts, TO_SERVICE + "-j KUBE-SVC-A"]), filter=""))
    context = TraceContext("ip", "tcp", [number("203.0.113.9")], None, frozenset([number("10.220.1.4")]))
    tracer = Tracer(read_rules(path), context)
    [too_many] = tracer.trace(number("10.200.0.2"), 80)
    assert [reason.code for reason in too_many.uncertain_because] == ["too-many-branches"]
    [trace] = tracer.trace(number("10.200.0.1"), 80)
    assert trace.uncertain_because == ()
    assert [endpoint.probability for endpoint in trace.endpoints] == [0.25, 0.75]


def test_the_chain_name_of_a_service_is_recomputed():
    assert chain_hashes("default/kubernetes", "https", "tcp")[0] == "NPX46M4PTMTKRN6Y"
    assert chain_hashes("kube-system/kube-dns", "dns", "UDP")[0] == "TCOU7JCQXEZGVUNU"


ADDRESS = st.sampled_from(["10.0.0.1/32", "10.100.0.0/16", "203.0.113.7"])
PLAIN = st.tuples(
    st.one_of(st.just(""), ADDRESS.map(lambda a: f"-s {a} "), ADDRESS.map(lambda a: f"! -s {a} ")),
    st.one_of(st.just(""), ADDRESS.map(lambda a: f"-d {a} ")),
    st.sampled_from(["", "-p tcp ", "-p udp "]),
    st.sampled_from(["", '-m comment --comment "ns/svc -> 1.2.3.4:80" ', "-m comment --comment word "]),
    st.one_of(st.just(""), st.floats(0.01, 0.99).map(lambda p: f"-m statistic --mode random --probability {p:.11f} ")),
    st.sampled_from(["", "-m tcp ", "-m tcp --dport 80 "]),
    st.sampled_from(["-j KUBE-SEP-AAAA", "-j KUBE-MARK-MASQ", "-j DNAT --to-destination 10.0.0.9:80"]),
).map("".join)


def no_sets(name):
    raise AssertionError(name)


@given(PLAIN)
def test_the_short_way_compiles_to_what_the_long_way_does(spec):
    assert kube_proxy_rules._RULE.match(spec)
    assert kube_proxy_rules.compile_rule(7, spec) == iptables._Compiler(7, iptables.words(spec), no_sets).rule()


LISTING = """$ iptables -t nat -nL
Chain PREROUTING (policy ACCEPT)
target     prot opt source               destination
KUBE-SERVICES  all  --  0.0.0.0/0            0.0.0.0/0            /* kubernetes service portals */

Chain POSTROUTING (policy ACCEPT)
target     prot opt source               destination
KUBE-POSTROUTING  all  --  0.0.0.0/0            0.0.0.0/0            /* kubernetes postrouting rules */

Chain KUBE-MARK-MASQ (1 references)
target     prot opt source               destination
MARK       all  --  0.0.0.0/0            0.0.0.0/0            MARK or 0x4000

Chain KUBE-POSTROUTING (1 references)
target     prot opt source               destination
RETURN     all  --  0.0.0.0/0            0.0.0.0/0            mark match ! 0x4000/0x4000
MASQUERADE  all  --  0.0.0.0/0            0.0.0.0/0

Chain KUBE-SERVICES (1 references)
target     prot opt source               destination
KUBE-SVC-A  tcp  --  0.0.0.0/0            10.200.0.1           /* default/web cluster IP */ tcp dpt:80

Chain KUBE-SVC-A (1 references)
target     prot opt source               destination
KUBE-MARK-MASQ  tcp  --  {source}           10.200.0.1           /* default/web cluster IP */ tcp dpt:80
KUBE-SEP-A  all  --  0.0.0.0/0            0.0.0.0/0            /* default/web -> 10.100.0.1:8080 */

Chain KUBE-SEP-A (1 references)
target     prot opt source               destination
DNAT       tcp  --  0.0.0.0/0            0.0.0.0/0            /* default/web */ tcp to:10.100.0.1:8080
$ iptables -nL
Chain INPUT (policy ACCEPT)
target     prot opt source               destination

Chain FORWARD (policy ACCEPT)
target     prot opt source               destination
{filter}
"""
HIDES = "interfaces, which a listing without -v leaves out"


@pytest.mark.parametrize(
    ("source", "line", "source_nat", "certain"),
    [
        ("!10.100.0.0/16", "", False, True),
        ("0.0.0.0/0", "", None, False),  # `! -i azv+`, or masqueradeAll: both are printed like this
        ("!10.100.0.0/16", "DROP       all  --  0.0.0.0/0            0.0.0.0/0", False, False),
        ("!10.100.0.0/16", "DROP       all  --  192.0.2.0/24         0.0.0.0/0", False, True),
        ("!10.100.0.0/16", "ACCEPT     all  --  0.0.0.0/0            0.0.0.0/0", False, True),
    ],
)
def test_a_listing_without_v_hides_interfaces(ask, source, line, source_nat, certain):
    given = ask(whole=LISTING.format(source=source, filter=line), src="10.100.7.7")
    assert given["certain"] is certain, given["uncertain_because"]
    assert given["source_nat"] is source_nat
    assert all(HIDES in why for why in given["uncertain_because"])


@pytest.mark.parametrize(("table", "unseen"), [("nat", True), ("filter", False)])
def test_a_nat_table_alone_is_certain_of_the_translation_and_says_what_is_not_shown(ask, table, unseen):
    whole = SERVICE.format(nat=TO_SERVICE + "-j KUBE-SVC-A", filter="")
    given = ask(whole=whole if table == "filter" else whole[whole.index("*nat") :])
    assert given["verdict"] == "dnat"
    assert given["certain"]
    assert ("filter table is not in the dump" in " ".join(given["not_shown"])) is unseen
    assert ("not shown: the filter table" in render_text(given)) is unseen
    other = ask(whole=whole if table == "filter" else whole[whole.index("*nat") :], dst="198.51.100.1")
    assert other["certain"] is not unseen
    assert other["not_shown"] == []
