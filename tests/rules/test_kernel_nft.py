"""Random nft rule sets, loaded into a network namespace's kernel, against the tracer, from `nft list` and its JSON."""

from __future__ import annotations

import os
import shutil
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.query.trace_command import read_rules
from tests.rules.kernel import DESTINATIONS, OWN, PORTS, RANGES, SOURCES, connections, run, send, verdicts

TOOLS = ("ip", "nft", "conntrack")
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, TOOLS)), reason=f"needs root and {TOOLS}"),
]

BASES = {
    "prerouting": ("nat", "type nat hook prerouting priority dstnat; policy accept;"),
    "nat-output": ("nat", "type nat hook output priority -100; policy accept;"),
    "postrouting": ("post", "type nat hook postrouting priority srcnat; policy accept;"),
    "input": ("filter", "type filter hook input priority filter; policy accept;"),
    "forward": ("filter", "type filter hook forward priority filter; policy {policy};"),
    "filter-output": ("filter", "type filter hook output priority filter; policy accept;"),
}
# The kernel tracks connections in a namespace only once a rule asks for it.
SETS = """
	chain tracked-in {
		type filter hook prerouting priority -150; policy accept;
		ct state invalid return
	}

	chain tracked-out {
		type filter hook output priority -150; policy accept;
		ct state invalid return
	}

\tset watched {
\t\ttype ipv4_addr
\t\tflags interval
\t\telements = { 10.100.0.0/16, 198.51.100.7 }
\t}

\tmap services {
\t\ttype ipv4_addr . inet_proto . inet_service : verdict
\t\telements = { 10.200.0.1 . udp . 80 : goto nat-c, 20.1.2.3 . udp . 443 comment "default/web" : goto nat-c }
\t}
"""


def compared(field, values):
    return st.tuples(st.sampled_from(["", "!= "]), st.sampled_from(values)).map(lambda v: f"{field} {v[0]}{v[1]}")


ADDRESSES = st.one_of(
    compared("ip saddr", ["10.100.0.0/16", "{ 203.0.113.9, 203.0.113.200 }", "@watched", "198.51.100.7", *RANGES[:2]]),
    compared("ip daddr", ["10.200.0.0/24", "{ 10.200.0.1, 20.1.2.3 }", "10.9.0.1", "@watched"]),
)
TESTS = st.one_of(
    compared("udp dport", ["80", "{ 53, 443 }", "1-100"]),
    st.sampled_from(["meta l4proto udp", "meta l4proto != udp", "meta l4proto != { tcp, sctp }"]),
    st.sampled_from(["meta mark & 0x4000 != 0x0", "meta mark 0x1", "meta mark & 0xff == 0x1"]),
    compared("ct state", ["new", "established,related", "invalid"]),
    st.sampled_from(["ct status dnat", "fib daddr type local", "fib daddr type != local"]),
    compared("iifname", ['"c0"', '"s0"']),
    st.just("counter"),
)
CALM = [
    "return",
    "accept",
    "continue",
    "meta mark set mark | 0x4000",
    "meta mark set mark ^ 0x4001",
    "meta mark set 0x1",
]
FINAL = {
    "nat": [
        "meta l4proto udp dnat to 10.7.0.1:81",
        "dnat to 10.7.0.2",
        "meta l4proto udp dnat to numgen random mod 2 map { 0 : 10.7.0.1 . 81, 1 : 10.7.0.2 . 82 }",
        "meta l4proto udp redirect to :8080",
        "ip daddr . meta l4proto . th dport vmap @services",
    ],
    "post": ["masquerade", "snat to 10.9.1.1"],
    "filter": ["drop", "reject", "ip daddr vmap { 10.200.0.1 : drop, 10.7.0.1 : accept, 20.1.2.3 : return }"],
}


@st.composite
def rule_sets(draw):
    """A table with the kernel's hooks and three chains of each kind; a chain jumps to later ones only."""
    names = [f"{kind}-{letter}" for kind in FINAL for letter in "abc"]
    parts = [f"\tchain {name} {{\n{draw(bodies(name.split('-')[0], name, names))}\t}}\n" for name in reversed(names)]
    policy = draw(st.sampled_from(["accept", "accept", "drop"]))
    for name, (kind, declared) in BASES.items():
        body = draw(bodies(kind, name, names))
        parts.append(f"\tchain {name} {{\n\t\t{declared.format(policy=policy)}\n{body}\t}}\n")
    return "table ip t {" + SETS + "\n".join(parts) + "}\n"


def field(match):
    return tuple(match.split()[:2])


@st.composite
def bodies(draw, kind, name, names):
    """Lines of a chain."""
    onward = [n for n in names if n.startswith(kind) and (name not in names or n > name)]
    last = name == "nat-c"  # what the map leads to: it goes no further
    choices = [*CALM, *(FINAL[kind][:-1] if last else FINAL[kind] * 2)]
    choices += [f"{how} {n}" for n in ([] if last else onward) for how in ("jump", "jump", "goto")]
    lines = []
    for _ in range(draw(st.integers(0, 4))):
        matches = draw(st.lists(ADDRESSES, max_size=1)) + draw(st.lists(TESTS, max_size=2, unique_by=field))
        allowed = [m for m in matches if "iifname" not in m or name in ("prerouting", "input", "forward")]
        lines.append("\t\t" + " ".join([*allowed, draw(st.sampled_from(choices))]) + "\n")
    return "".join(lines)


def packets(sources):
    one = st.tuples(st.sampled_from(sources), st.just("udp"), st.sampled_from(DESTINATIONS), st.sampled_from(PORTS))
    return st.lists(one, min_size=15, max_size=25)


@settings(
    max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(rule_sets(), packets(SOURCES), packets(OWN[:1]))
def test_the_kernel_does_what_the_tracer_says_of_nft_rules(router, tmp_path_factory, rules, coming, own):
    client, name = router
    folder = tmp_path_factory.mktemp("kernel")
    run("ip", "netns", "exec", name, "nft", "-f", "-", given=f"flush ruleset\n{rules}")
    outcomes = Counter()
    for sender, sent in ((client, coming), (name, own)):
        run("ip", "netns", "exec", name, "conntrack", "-F")
        send(sender, sent)
        seen = connections(name)
        for form, command in (("txt", ["list", "ruleset"]), ("json", ["-j", "list", "ruleset"])):
            dump = folder / f"ruleset.{form}"
            dump.write_text(run("ip", "netns", "exec", name, "nft", *command))
            outcomes.update(verdicts(read_rules(dump), seen, sent, dump.read_text()))
    run("ip", "netns", "exec", name, "nft", "flush", "ruleset")
    assert sum(outcomes.values()) == 2 * (len(coming) + len(own))
