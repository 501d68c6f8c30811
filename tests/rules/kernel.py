"""A router in a network namespace, packets sent to it, and what its kernel remembers of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from pipeline.query.trace_command import Packet, answer

OWN = ["10.9.0.1", "10.9.1.1"]
SOURCES = ["10.100.0.11", "10.100.1.12", "203.0.113.9", "203.0.113.200", "198.51.100.7"]
DESTINATIONS = ["10.200.0.1", "10.200.0.2", "20.1.2.3", "10.9.0.1", "10.100.5.5"]
RANGES = ["10.100.0.0/16", "203.0.113.0/25", "10.200.0.0/24", "10.100.0.11", "0.0.0.0/1", "198.51.100.7"]
PORTS = [53, 80, 443, 8080]
SENDER = """
import contextlib, json, socket, struct, sys
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
    with contextlib.suppress(PermissionError):  # so the kernel says that it dropped the node's own packet
        raw.sendto(head + body, (dst, 0))
"""


def run(*command, given=None):
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


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


def send(namespace, packets):
    """Send packets (source, protocol, destination, port), each from its own source port, beginning with 2000."""
    numbered = [(s, p, d, 2000 + i, port) for i, (s, p, d, port) in enumerate(packets)]
    run("ip", "netns", "exec", namespace, sys.executable, "-c", SENDER, given=json.dumps(numbered))


def verdicts(rules, seen, packets, context):
    """Hold the tracer's answers against what the kernel did; yields (verdict, whether it is random) of each packet."""
    for i, packet in enumerate(packets):
        told, got = answer(rules, Packet(*packet), OWN, None), seen.get(2000 + i)
        where = got[:2] if got else None
        if not told["certain"]:
            assert all(re.search("interface", why) for why in told["uncertain_because"]), told["uncertain_because"]
            yield "uncertain", True
            continue
        shares = [e["probability"] for e in told["endpoints"]]
        texts = " ".join(str(s["text"]) for s in told["steps"])
        random = any(0 < s < 1 for s in shares) or "probability 0." in texts or "numgen" in texts
        whole = where is not None and told["verdict"] == "dnat" and abs(sum(shares) - 1) < 1e-6
        local = where is not None and where[0] in (*OWN, "127.0.0.1")
        looped = local and packet[0] in OWN  # remembered as it left, before the node's own INPUT chain may drop it
        if (not random or whole) and not (looped and told["verdict"] in ("drop", "reject")):
            assert where in allowed(told, packet), (packet, told, context)
        if got and told["source_nat"] is not None and not random and not local and told["verdict"] == "dnat":
            assert got[2] is told["source_nat"], (packet, told, context)
        yield told["verdict"], random
