"""Rules in the words that kube-proxy writes by the hundred thousand, in iptables-save's grammar."""

from __future__ import annotations

import re
from functools import lru_cache

from pipeline.rules.grammar.values import dnat
from pipeline.rules.model import matches as m
from pipeline.rules.model.ip_ranges import range_of
from pipeline.rules.model.rule import Rule
from pipeline.rules.model.targets import Jump

_PLAIN = re.compile(
    r"(?:(! )?-s ([\d.]+(?:/\d+)?) )?(?:-d ([\d.]+(?:/\d+)?) )?(?:-p (tcp|udp|sctp) )?"
    r'(?:-m comment --comment (?:"[^"\\]*"|[^\s"]+) )?(?:-m statistic --mode random --probability ([\d.]+) )?'
    r"(?:-m (?:tcp|udp|sctp) )?(?:--dport (\d+) )?-j (?:(KUBE-[\w-]+)|DNAT --to-destination ([\d.]+:\d+))$"
)
_PROTOCOL_STEPS = {name: m.ProtocolIs(frozenset({name})) for name in ("tcp", "udp", "sctp")}


def plain_rule(row: int, spec: str) -> Rule | None:
    """A rule in the words that kube-proxy writes by the hundred thousand: the compiler's answer, sooner."""
    if not (plain := _PLAIN.match(spec)):
        return None
    negation, source, destination, protocol, share, port, chain, to = plain.groups()
    found: list[m.Step] = []
    if source:
        found.append(_outside(source) if negation else m.Source((range_of(source),)))
    if destination:
        found.append(m.Destination((range_of(destination),)))
    if protocol:
        found.append(_PROTOCOL_STEPS[protocol])
    if share:
        found.append(m.RandomShare(float(share)))
    if port:
        found.append(_port(port))
    return Rule(row, tuple(found), Jump(chain) if chain else dnat(to))


@lru_cache(256)
def _outside(source: str) -> m.Step:
    """One step for all rules with it: those that mark what comes from outside the cluster."""
    return m.Not(m.Source((range_of(source),)))


@lru_cache(256)
def _port(port: str) -> m.Step:
    return m.DestinationPort(((int(port), int(port)),))
