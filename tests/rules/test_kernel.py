"""Random rules, loaded into the kernel of a network namespace, against the tracer: packets sent, connections read.

The router has a network of clients on one side and everything else on the other. Each packet has its own source port,
so each connection that the kernel remembers is one packet's.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.query.trace_command import read_rules
from tests.rules.kernel import DESTINATIONS, OWN, PORTS, RANGES, SOURCES, connections, run, send, verdicts

TOOLS = ("ip", "iptables-restore", "iptables-save", "conntrack")
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, TOOLS)), reason=f"needs root and {TOOLS}"),
]


def option(name, values):
    return st.tuples(st.sampled_from(["", "! "]), st.sampled_from(values)).map(lambda v: f"{v[0]}{name} {v[1]}")


def ports(protocol):
    return st.one_of(
        option("--dport", ["80", "443", "1:100"]).map(lambda v: f"-p {protocol} -m {protocol} {v}"),
        option("--dports", ["80,443", "53,8000:9000"]).map(lambda v: f"-p {protocol} -m multiport {v}"),
        st.just(f"-p {protocol}"),
    )


ADDRESSES = st.one_of(option("-s", RANGES + SOURCES), option("-d", RANGES + DESTINATIONS))
MODULES = st.one_of(
    st.sampled_from(["udp", "tcp"]).flatmap(ports),
    option("--mark", ["0x4000/0x4000", "0x1/0xff", "0x0"]).map(lambda v: f"-m mark {v}"),
    option("--ctstate", ["NEW", "DNAT", "ESTABLISHED,RELATED", "INVALID,NEW"]).map(lambda v: f"-m conntrack {v}"),
    option("--dst-type", ["LOCAL"]).map(lambda v: f"-m addrtype {v}"),
    st.just('-m comment --comment "default/a \\"quoted\\" */ name"'),
    st.sampled_from(["0.5", "0.25", "1.0"]).map(lambda p: f"-m statistic --mode random --probability {p}"),
)
INTERFACES = option("-i", ["c0", "c+", "s0"])
MARKS = ["--set-xmark 0x4000/0x4000", "--or-mark 0x1", "--and-mark 0xff", "--xor-mark 0x4001", "--set-mark 0x2/0x3"]
CALM = ["RETURN", "ACCEPT", *(f"MARK {m}" for m in MARKS)]
FINAL = {
    "pre": ["DNAT --to-destination 10.7.0.1:81", "DNAT --to-destination 10.7.0.2", "REDIRECT --to-ports 8080"],
    "post": ["MASQUERADE", "SNAT --to-source 10.9.1.1"],
    "fwd": ["DROP", "REJECT"],
}


@st.composite
def chains(draw, kind, base):
    """Lines of a base chain and three chains behind it; a chain jumps to later ones only."""
    names = [*base, f"{kind}-a", f"{kind}-b", f"{kind}-c"]
    lines = []
    for i, name in enumerate(names):
        onward = [n for n in names[i + 1 :] if n not in base]
        jumps = [f"{how} {n}" for n in onward for how in ("-j", "-j", "-g")]
        targets = [*jumps, *(f"-j {t}" for t in (*CALM, *FINAL[kind], *FINAL[kind]))]
        for _ in range(draw(st.integers(0, 4))):
            modules = MODULES if name in ("OUTPUT", "POSTROUTING") else st.one_of(MODULES, INTERFACES)
            matches = draw(st.lists(ADDRESSES, max_size=1)) + draw(st.lists(modules, max_size=2, unique_by=module))
            target = draw(st.sampled_from(targets))
            if re.search(r"--to-ports|:8\d", target) and not any("-p " in m for m in matches):
                matches.insert(0, draw(st.sampled_from(["-p udp", "-p tcp"])))
            lines.append(" ".join(["-A", name, *matches, target]))
    return names[len(base) :], lines


def module(match):
    return next((option for option in ("-p", "-i") if f"{option} " in match), match.split()[1])


# The kernel tracks connections in a namespace only once a rule asks for it, and a reset would make it forget them.
TRACKING = """*raw
-A OUTPUT -p tcp -m tcp --tcp-flags RST RST -j DROP
COMMIT
*mangle
-A PREROUTING -m conntrack --ctstate INVALID -j RETURN
COMMIT
"""


@st.composite
def rule_sets(draw, nat, filtering):
    """A rule set in which the chains `nat` and `filtering` hold the rules for packets on their way in."""
    pre, post = draw(chains("pre", nat)), draw(chains("post", ["POSTROUTING"]))
    fwd = draw(chains("fwd", filtering))
    policy = draw(st.sampled_from(["ACCEPT", "ACCEPT", "DROP"]))
    heads = ["*nat", *(f":{c} ACCEPT" for c in (*nat, "POSTROUTING")), *(f":{c} -" for c in (*pre[0], *post[0]))]
    rest = [
        "*filter",
        *(f":{c} {policy if c != 'INPUT' else 'ACCEPT'}" for c in filtering),
        *(f":{c} -" for c in fwd[0]),
    ]
    return TRACKING + "\n".join([*heads, *pre[1], *post[1], "COMMIT", *rest, *fwd[1], "COMMIT", ""])


PACKETS = st.lists(
    st.tuples(
        st.sampled_from(SOURCES), st.sampled_from(["udp", "tcp"]), st.sampled_from(DESTINATIONS), st.sampled_from(PORTS)
    ),
    min_size=25,
    max_size=40,
)


SETTINGS = settings(
    max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)


def loaded(name, rules, folder):
    """Load rules into the router; its dump, as a path, is made when all packets were sent."""
    run("ip", "netns", "exec", name, "iptables-restore", given=rules)
    run("ip", "netns", "exec", name, "conntrack", "-F")
    return folder / "iptables-save.txt"


@SETTINGS
@given(rule_sets(["PREROUTING"], ["INPUT", "FORWARD"]), PACKETS)
def test_the_kernel_does_what_the_tracer_says(router, tmp_path_factory, rules, packets):
    client, name = router
    dump = loaded(name, rules, tmp_path_factory.mktemp("kernel"))
    send(client, packets)
    dump.write_text(run("ip", "netns", "exec", name, "iptables-save", "-c"))
    outcomes = Counter(verdicts(read_rules(dump), connections(name), packets, rules))
    if not any(random for _, random in outcomes):
        rejected = sum(int(m[1]) for m in re.finditer(r"\[(\d+):\d+\] -A .* -j REJECT", dump.read_text()))
        assert outcomes["reject", False] == rejected, rules


OWN_PACKETS = st.lists(
    st.tuples(st.just(OWN[0]), st.just("udp"), st.sampled_from(DESTINATIONS), st.sampled_from(PORTS)),
    min_size=25,
    max_size=40,
)


@SETTINGS
@given(rule_sets(["OUTPUT"], ["OUTPUT", "INPUT"]), OWN_PACKETS)
def test_the_nodes_own_packets_fare_as_the_tracer_says(router, tmp_path_factory, rules, packets):
    _, name = router
    dump = loaded(name, rules, tmp_path_factory.mktemp("kernel"))
    send(name, packets)
    dump.write_text(run("ip", "netns", "exec", name, "iptables-save", "-c"))
    outcomes = Counter(verdicts(read_rules(dump), connections(name), packets, rules))
    assert sum(outcomes.values()) == len(packets)
