"""ipsets: rules that ask for one are decided with its dump, and uncertain by name without."""

from __future__ import annotations

import pytest

from pipeline.query.trace_command import Packet, answer, read_rules

RULES = """*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 -m set {match} -j DNAT --to-destination 10.100.0.1:8080
COMMIT
*filter
:FORWARD ACCEPT [0:0]
COMMIT
"""
CLIENT, SERVICE, PORT = "203.0.113.9", "10.200.0.1", 80
YES, NO = "dnat", "none"
PARTS = f"create A hash:ip family inet\nadd A {SERVICE}\ncreate P hash:ip,port family inet\nadd P {SERVICE},tcp:80\n"
WHOLE = "Name: T\nType: hash:ip\nNumber of entries: 1\nMembers:\n10.200.0.1\n"


@pytest.fixture
def ask(tmp_path):
    """Trace one packet through one rule that asks for the set S."""

    def trace(sets, match, src=CLIENT, protocol="tcp", rules=RULES, **packet):
        dumps = {"iptables-save.txt": rules.format(match=match), "ipset.txt": sets}
        for name, text in dumps.items():
            (tmp_path / name).write_text(text)
        loaded = read_rules(*(tmp_path / name for name, text in dumps.items() if text))
        dialled = {"dst": SERVICE, "port": PORT} | packet
        return answer(loaded, Packet(src, protocol, dialled["dst"], dialled["port"]), ["10.220.1.4"], None)

    return trace


@pytest.mark.parametrize(
    ("kind", "entries", "sides", "verdict"),
    [
        ("hash:ip", [SERVICE], "dst", YES),
        ("hash:ip", [SERVICE], "src", NO),
        ("hash:ip", [], "dst", NO),
        ("hash:net", ["203.0.112.0/23"], "src", YES),
        ("hash:net", ["10.200.0.0/16", "10.0.0.1"], "dst", YES),
        ("hash:net", ["10.201.0.0/16"], "dst", NO),
        ("hash:net", ["10.0.0.0/8", "10.200.0.0/16 nomatch"], "dst", NO),
        ("hash:net", ["10.0.0.0/8", "10.201.0.0/16 nomatch"], "dst", YES),
        ("hash:net", ["10.200.0.0/16 nomatch", "10.0.0.0/8", "10.200.0.0/24"], "dst", YES),
        ("hash:net", ["203.0.113.0/24 nomatch"], "src", NO),
        ("hash:ip,port", [f"{SERVICE},tcp:80"], "dst,dst", YES),
        ("hash:ip,port", [f"{SERVICE},udp:80"], "dst,dst", NO),
        ("hash:ip,port", [f"{CLIENT},tcp:80"], "src,dst", YES),
        ("hash:ip,port", [f"{SERVICE},tcp:80"], "dst", NO),  # fewer sides than parts: the kernel says no
        ("hash:net,port", ["203.0.113.0/24,tcp:80"], "src,dst", YES),
        ("hash:ip,port,ip", [f"{SERVICE},tcp:80,{CLIENT}"], "dst,dst,src", YES),
        ("hash:ip,port,ip", [f"{SERVICE},tcp:80,{SERVICE}"], "dst,dst,src", NO),
        ("hash:ip,port,net", [f"{SERVICE},tcp:80,203.0.113.0/24"], "dst,dst,src", YES),
        ("hash:ip,port,net", [f"{SERVICE},tcp:81,203.0.113.0/24"], "dst,dst,src", NO),
        ("hash:net,net", ["203.0.113.0/24,10.200.0.1"], "src,dst", YES),
        ("bitmap:port", ["80"], "dst", YES),
        ("bitmap:port", ["81"], "dst", NO),
        ("bitmap:ip", ["10.200.0.0-10.200.0.3"], "dst", YES),
    ],
)
@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("form", ["save", "list"])
def test_a_dumped_set_decides(ask, form, negated, kind, entries, sides, verdict):
    given = ask(written(form, kind, entries), f"{'! ' if negated else ''}--match-set S {sides}")
    assert given["certain"], given["uncertain_because"]
    assert (given["verdict"] == verdict) is not negated


def written(form, kind, entries):
    """A set as the tool prints it."""
    if form == "save":
        return "\n".join([f"create S {kind} family inet hashsize 1024", *(f"add S {e}" for e in entries), ""])
    head = ["Name: S", f"Type: {kind}", "Header: family inet hashsize 1024", f"Number of entries: {len(entries)}"]
    return "\n".join([*head, "Members:", *entries, ""])


@pytest.mark.parametrize(
    ("sets", "sides", "why"),
    [
        ("", "dst", "ipset S is not in the dump: does it hold dst?"),
        ("create S hash:mac hashsize 1024\n", "src", "not understood"),
        ("create S list:set size 8\nadd S other\n", "dst", "ipset other is not in the dump"),
        (f"{PARTS}create S list:set size 8\nadd S A\nadd S P\n", "dst,dst", "several kinds"),
        ("create S hash:ip family inet timeout 300\nadd S 10.200.0.1 timeout 12\n", "dst", "come and go"),
        ("create S hash:net,port family inet\nadd S 203.0.113.0/24,tcp:80 nomatch\n", "src,dst", "nomatch"),
        ("create S hash:ip,port family inet\nadd S 10.200.0.1,tcp:80\n", "dst,src", "source port"),
        ("create S hash:net,port family inet\nadd S 10.200.0.0/16,tcp:80\n", "dst,dst", "ranges of destinations"),
        ("create S hash:ip,port family inet\nadd S 10.200.0.1\n", "dst,dst", "not a whole entry"),
        ("create S hash:ip family inet\nadd S web.example\n", "dst", "web.example"),
        ("Name: S\nType: hash:ip\nNumber of entries: 2\nMembers:\n10.0.0.1\n\n" + WHOLE, "dst", "not in the dump"),
        ("Name: S\nType: hash:ip\nNumber of entries: 2\n\n" + WHOLE, "dst", "not in the dump"),
    ],
)
def test_what_a_set_does_not_tell_is_uncertain_and_names_the_rule(ask, sets, sides, why):
    given = ask(sets, f"--match-set S {sides}")
    assert not given["certain"]
    (reason,) = given["uncertain_because"]
    assert reason.startswith("iptables-save.txt:5: ")
    assert why in reason


def test_members_of_ipv6_sets_are_ipv6(ask):
    rules = "# Generated by ip6tables-save\n" + RULES.replace("10.100.0.1:8080", "[fd00:100::1]:8080")
    sets = "create S hash:ip,port family inet6\nadd S fd00:200::10,tcp:80\n"
    given = ask(sets, "--match-set S dst,dst", src="fd00:9::1", dst="fd00:200::10", rules=rules)
    assert given["certain"]
    assert [e["ip"] for e in given["endpoints"]] == ["fd00:100::1"]


@pytest.mark.parametrize(
    ("members", "verdict"), [("A", YES), ("B A", YES), ("B C", NO), ("E", NO), ("", NO), ("E A", YES)]
)
def test_a_list_of_sets_holds_what_any_of_them_holds(ask, members, verdict):
    sets = f"{PARTS}create B hash:net family inet\nadd B 10.201.0.0/16\ncreate C hash:ip family inet\nadd C 10.9.9.9\n"
    sets += "create E hash:ip family inet\ncreate S list:set size 8\n" + "".join(
        f"add S {m}\n" for m in members.split()
    )
    given = ask(sets, "--match-set S dst")
    assert given["certain"], given["uncertain_because"]
    assert given["verdict"] == verdict
