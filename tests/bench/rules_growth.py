"""How reading and tracing grow with the size of a dump, for one node and for three with equal rules.

CPU seconds and peak memory, each line of the table in a process of its own; chains are named as kube-proxy does.

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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.rules import RuleSet
    from pipeline.rules.dumps.frontends import Frontend

ENDPOINTS = 10
CLASSES_PER_SERVICE = 10


def dump(path: Path, services: int) -> None:
    """An iptables-save dump like kube-proxy's."""
    from pipeline.rules.grammar.chain_names import chain_hashes, endpoint_hashes

    chains, rules, front = [], [], []
    for s in range(services):
        ip = f"10.{200 + s // 65536}.{s // 256 % 256}.{s % 256}"
        name = f"ns{s % 50}/svc{s}"
        svc = f"KUBE-SVC-{chain_hashes(name, None, 'tcp')[0]}"
        chains.append(f":{svc} - [0:0]")
        match = f'-d {ip}/32 -p tcp -m comment --comment "{name} cluster IP" -m tcp --dport 80'
        front.append(f"-A KUBE-SERVICES {match} -j {svc}")
        rules.append(f"-A {svc} ! -s 10.100.0.0/14 {match} -j KUBE-MARK-MASQ")
        behind = []
        for e in range(ENDPOINTS):
            number = s * ENDPOINTS + e
            pod = f"10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}"
            sep = f"KUBE-SEP-{endpoint_hashes(name, None, 'tcp', f'{pod}:8080')[0]}"
            chains.append(f":{sep} - [0:0]")
            share = f"-m statistic --mode random --probability {1 / (ENDPOINTS - e):.11f} " if e < ENDPOINTS - 1 else ""
            rules.append(f'-A {svc} -m comment --comment "{name} -> {pod}:8080" {share}-j {sep}')
            behind.append(f'-A {sep} -s {pod}/32 -m comment --comment "{name}" -j KUBE-MARK-MASQ')
            to = f"-m tcp -j DNAT --to-destination {pod}:8080"
            behind.append(f'-A {sep} -p tcp -m comment --comment "{name}" {to}')
        rules += behind
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


def measure(path: Path, nodes: int) -> None:
    """One line of the table, in this process."""
    import polars as pl

    from pipeline.formats.rule_dumps.iptables_save import FORMAT
    from pipeline.formats.source import Source
    from pipeline.rules import rule_sets_by_node

    start = time.process_time()
    dump = FORMAT.parse(Source(path, path.name)).tables["rules"]  # once, as a run reads dumps that are equal
    rules = rule_sets_by_node(
        (f"node-{i}", dump.with_columns(file=pl.lit(f"node-{i}/{path.name}"))) for i in range(nodes)
    )
    frontends = {node: rule_set.frontends for node, rule_set in rules.items()}
    read, memory = time.process_time() - start, _peak_mib()
    start = time.process_time()
    answers = sum(_traced(rules[node], frontends[node]) for node in rules)
    traced = time.process_time() - start
    lines = sum(len(rule_set.rows) for rule_set in rules.values())
    print(f"{nodes:>5} {lines:>9,} {read:>8.2f} {memory:>8.0f} ", end="")
    print(f"{answers:>9,} {traced:>8.2f} {traced / answers * 1e5:>9.2f} {_peak_mib():>8.0f}")


def _traced(rules: RuleSet, frontends: Iterable[Frontend]) -> int:
    """Trace classes to every service; how many."""
    from pipeline.rules import TraceContext, Tracer
    from pipeline.rules.model.ip_ranges import number

    outside = [number(f"203.0.113.{i}") for i in range(CLASSES_PER_SERVICE - 3)]
    sources = sorted([*outside, *(number(f"10.100.0.{i}") for i in range(1, 4))])
    tracer = Tracer(rules, TraceContext("ip", "tcp", sources, "external", frozenset([number("10.220.1.4")])))
    return sum(t.sources.bit_count() for _, ip, port in frontends for t in tracer.trace(number(ip), port))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """The table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("lines", nargs="*", type=int, default=[10_000, 100_000, 700_000])
    options.add_argument("--measure", type=Path)
    options.add_argument("--nodes", type=int, default=1)
    asked = options.parse_args()
    if asked.measure:
        measure(asked.measure, asked.nodes)
        return
    print("nodes     lines   read s  peak MiB   classes  trace s  s / 100k  peak MiB")
    with tempfile.TemporaryDirectory() as folder:
        for lines in asked.lines:
            path = Path(folder, "iptables-save.txt")
            dump(path, lines // (ENDPOINTS * 4 + 3))
            for nodes in ("1", "3"):
                subprocess.run([sys.executable, __file__, "--measure", str(path), "--nodes", nodes], check=True)


if __name__ == "__main__":
    main()
