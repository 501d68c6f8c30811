"""Random rules, loaded into the kernel of a network namespace, against the tracer: packets sent, connections read.

The router has a network of clients on one side and everything else on the other. Each packet has its own source port,
so each connection that the kernel remembers is one packet's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.trace import Packet, answer, read_rules

TOOLS = ("ip", "iptables-restore", "iptables-save", "conntrack")
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, TOOLS)), reason=f"needs root and {TOOLS}"),
]

OWN = ["10.9.0.1", "10.9.1.1"]
SOURCES = ["10.100.0.11", "10.100.1.12", "203.0.113.9", "203.0.113.200", "198.51.100.7"]
DESTINATIONS = ["10.200.0.1", "10.200.0.2", "20.1.2.3", "10.9.0.1", "10.100.5.5"]
RANGES = ["10.100.0.0/16", "203.0.113.0/25", "10.200.0.0/24", "10.100.0.11", "0.0.0.0/1", "198.51.100.7"]
PORTS = [53, 80, 443, 8080]
SENDER = """
import json, socket, struct, sys
def total(data):
    data += b"\\0" * (len(data) % 2)
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    s = (s >> 16) + (s & 0xFFFF)
    return ~(s + (s >> 16)) & 0xFFFF
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for src, protocol, dst, sport, dport in json.load(sys.stdin):
    number = {"udp": 17, "tcp": 6}[protocol]
    ends = socket.inet_aton(src) + socket.inet_aton(dst)
    if protocol == "udp":
        body = struct.pack("!HHHH", sport, dport, 12, 0) + b"test"
    else:
        body = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, 2, 1000, 0, 0)
        check = total(ends + struct.pack("!BBH", 0, number, len(body)) + body)
        body = body[:16] + struct.pack("!H", check) + body[18:]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, number, 0) + ends
    raw.sendto(head + body, (dst, 0))
"""


def run(*command, given=None):
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def router():
    """Namespaces client and router, joined; what the router forwards goes to a cable that nobody answers on."""
    client, name = f"hop-c{os.getpid()}", f"hop-r{os.getpid()}"
    for namespace in (client, name):
        run("ip", "netns", "add", namespace)
    setup = f"""
        ip link add c0 netns {name} type veth peer name eth0 netns {client}
        ip -n {name} link add s0 type veth peer name s1
        ip -n {name} addr add 10.9.0.1/24 dev c0
        ip -n {name} addr add 10.9.1.1/24 dev s0
        ip -n {name} link set s0 arp off
        ip -n {name} link set lo up
        ip -n {name} link set c0 up
        ip -n {name} link set s0 up
        ip -n {name} link set s1 up
        ip -n {name} route add default dev s0
        ip -n {client} addr add 10.9.0.2/24 dev eth0
        ip -n {client} link set eth0 up
        ip -n {client} route add default via 10.9.0.1
        ip netns exec {name} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.c0.rp_filter=0
        ip netns exec {name} sysctl -qw net.ipv4.conf.s0.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    """
    try:
        for line in setup.strip().splitlines():
            run(*line.split())
        yield client, name
    finally:
        for namespace in (client, name):
            run("ip", "netns", "del", namespace)


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
            matches = draw(st.lists(ADDRESSES, max_size=1)) + draw(st.lists(MODULES, max_size=2, unique_by=module))
            target = draw(st.sampled_from(targets))
            if re.search(r"--to-ports|:8\d", target) and not any("-p " in m for m in matches):
                matches.insert(0, draw(st.sampled_from(["-p udp", "-p tcp"])))
            lines.append(" ".join(["-A", name, *matches, target]))
    return names[len(base) :], lines


def module(match):
    return "-p" if "-p " in match else match.split()[1]


# The kernel tracks connections in a namespace only once a rule asks for it, and a reset would make it forget them.
TRACKING = (
    "*raw\n-A OUTPUT -p tcp -j DROP\nCOMMIT\n*mangle\n-A PREROUTING -m conntrack --ctstate INVALID -j RETURN\nCOMMIT\n"
)


@st.composite
def rule_sets(draw):
    pre, post = draw(chains("pre", ["PREROUTING"])), draw(chains("post", ["POSTROUTING"]))
    fwd = draw(chains("fwd", ["INPUT", "FORWARD"]))
    policy = draw(st.sampled_from(["ACCEPT", "ACCEPT", "DROP"]))
    nat = ["*nat", ":PREROUTING ACCEPT", ":POSTROUTING ACCEPT", *(f":{c} -" for c in (*pre[0], *post[0]))]
    filtering = ["*filter", ":INPUT ACCEPT", f":FORWARD {policy}", *(f":{c} -" for c in fwd[0])]
    return TRACKING + "\n".join([*nat, *pre[1], *post[1], "COMMIT", *filtering, *fwd[1], "COMMIT", ""])


PACKETS = st.lists(
    st.tuples(
        st.sampled_from(SOURCES), st.sampled_from(["udp", "tcp"]), st.sampled_from(DESTINATIONS), st.sampled_from(PORTS)
    ),
    min_size=25,
    max_size=40,
)
TUPLES = re.compile(
    r"(udp|tcp) .*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) .*?src=(\S+) dst=(\S+) sport=(\d+) dport="
)


def connections(router):
    """What the kernel remembers, by the client's port: (server address, server port, source rewritten)."""
    found = {}
    for line in run("ip", "netns", "exec", router, "conntrack", "-L").splitlines():
        if m := TUPLES.search(line):
            found[int(m[4])] = (m[6], int(m[8]), m[7] != m[2])
    return found


def allowed(given, packet):
    """What the tracer says the kernel may remember of a packet: nothing for None."""
    if given["verdict"] in ("drop", "reject"):
        return {None}
    if given["verdict"] == "dnat":
        whole = abs(sum(e["probability"] for e in given["endpoints"]) - 1) < 1e-6
        return {(e["ip"], e["port"]) for e in given["endpoints"]} | (set() if whole else {None, (packet[2], packet[3])})
    return {(packet[2], packet[3])}


@settings(
    max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(rule_sets(), PACKETS)
def test_the_kernel_does_what_the_tracer_says(router, tmp_path_factory, rules, packets):
    client, name = router
    run("ip", "netns", "exec", name, "iptables-restore", given=rules)
    run("ip", "netns", "exec", name, "conntrack", "-F")
    numbered = [(s, p, d, 2000 + i, port) for i, (s, p, d, port) in enumerate(packets)]
    run("ip", "netns", "exec", client, sys.executable, "-c", SENDER, given=json.dumps(numbered))
    seen = connections(name)
    dump = tmp_path_factory.mktemp("kernel") / "iptables-save.txt"
    dump.write_text(run("ip", "netns", "exec", name, "iptables-save", "-c"))
    loaded = read_rules(dump)
    outcomes = Counter()
    for i, (source, protocol, destination, port) in enumerate(packets):
        told = answer(loaded, Packet(source, protocol, destination, port), OWN, None)
        got = seen.get(2000 + i)
        where = got[:2] if got else None
        assert told["certain"], told["uncertain_because"]
        shares = [e["probability"] for e in told["endpoints"]]
        random = any(0 < s < 1 for s in shares) or "probability 0." in " ".join(str(s["text"]) for s in told["steps"])
        whole = where is not None and told["verdict"] == "dnat" and abs(sum(shares) - 1) < 1e-6
        if not random or whole:
            assert where in allowed(told, (source, protocol, destination, port)), (packets[i], told, rules)
        if got and told["source_nat"] is not None and not random and told["verdict"] == "dnat":
            assert got[2] is told["source_nat"], (packets[i], told, rules)
        outcomes[told["verdict"], random] += 1
    if not any(random for _, random in outcomes):
        rejected = sum(int(m[1]) for m in re.finditer(r"\[(\d+):\d+\] -A .* -j REJECT", dump.read_text()))
        assert outcomes["reject", False] == rejected, rules
