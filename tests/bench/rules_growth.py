"""How reading and tracing grow with the size of a dump: CPU seconds and peak memory, each size in its own process.

usage: python tests/bench/rules_growth.py [LINES ...]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENDPOINTS = 10
CLASSES_PER_SERVICE = 10


def dump(path: Path, services: int) -> None:
    """An iptables-save dump like kube-proxy's."""
    chains, rules, front = [], [], []
    for s in range(services):
        svc = f"KUBE-SVC-{s:016X}"
        ip = f"10.{200 + s // 65536}.{s // 256 % 256}.{s % 256}"
        name = f"ns{s % 50}/svc{s}"
        chains.append(f":{svc} - [0:0]")
        match = f'-d {ip}/32 -p tcp -m comment --comment "{name} cluster IP" -m tcp --dport 80'
        front.append(f"-A KUBE-SERVICES {match} -j {svc}")
        rules.append(f"-A {svc} ! -s 10.100.0.0/14 {match} -j KUBE-MARK-MASQ")
        for e in range(ENDPOINTS):
            number = s * ENDPOINTS + e
            sep, pod = f"KUBE-SEP-{number:016X}", f"10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}"
            chains.append(f":{sep} - [0:0]")
            share = f"-m statistic --mode random --probability {1 / (ENDPOINTS - e):.11f} " if e < ENDPOINTS - 1 else ""
            rules.append(f'-A {svc} -m comment --comment "{name} -> {pod}:80" {share}-j {sep}')
            rules.append(f'-A {sep} -s {pod}/32 -m comment --comment "{name}" -j KUBE-MARK-MASQ')
            to = f"-m tcp -j DNAT --to-destination {pod}:8080"
            rules.append(f'-A {sep} -p tcp -m comment --comment "{name}" {to}')
    path.write_text("\n".join([*_HEAD, *chains, *_NAT, *front, *rules, "COMMIT", ""]))


_HEAD = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-FORWARD - [0:0]
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]""".splitlines()
_NAT = """-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE --random-fully""".splitlines()


def measure(path: Path) -> None:
    """One line of the table, in this process."""
    from pipeline.rules.addresses import number
    from pipeline.rules.state import Scene
    from pipeline.rules.trace import Tracer
    from pipeline.trace import read_rules

    start = time.process_time()
    rules = read_rules(path)
    frontends = rules.frontends
    read, memory = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    own = frozenset([number("10.220.1.4")])
    sources = sorted(number(f"203.0.113.{i}") for i in range(CLASSES_PER_SERVICE - 3))
    sources = sorted([*sources, *(number(f"10.100.0.{i}") for i in range(1, 4))])
    start = time.process_time()
    answers = 0
    tracer = Tracer(rules, Scene("ip", "tcp", sources, "external", own))
    for _, ip, port in frontends:
        for found in tracer.trace(number(ip), port):
            answers += found.sources.bit_count()
    traced = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = len(rules.rows)
    print(f"{lines:>9,} {read:>8.2f} {memory:>8.0f} {answers:>9,} {traced:>8.2f} {peak:>8.0f}")


def main() -> None:
    """The table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("lines", nargs="*", type=int, default=[10_000, 100_000, 700_000])
    options.add_argument("--measure", type=Path)
    asked = options.parse_args()
    if asked.measure:
        measure(asked.measure)
        return
    print(f"{'lines':>9} {'read s':>8} {'MB':>8} {'classes':>9} {'trace s':>8} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for lines in asked.lines:
            path = Path(folder, "iptables-save.txt")
            dump(path, lines // (ENDPOINTS * 4 + 3))
            subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)


if __name__ == "__main__":
    main()
