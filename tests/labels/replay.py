"""An independent walk of one packet through lines of iptables-save, to hold the product's own tracing against."""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MASQUERADE_BIT = 0x4000
SURE, MAYBE, NEVER = True, None, False
_SKIPPED = {"-m": 1, "--comment": 1, "--mask": 1, "--rsource": 0, "--set": 0, "--reap": 0, "--seconds": 1}
_SKIPPED |= {"--name": 1, "--mode": 1, "--nfacct-name": 1, "--random-fully": 0, "--reject-with": 1}


@dataclass(frozen=True, slots=True)
class Packet:
    """A connection's first packet on its way through a node."""

    source: str
    target: str
    port: int
    protocol: str
    own: frozenset[str]
    mark: int = 0
    translated: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """One way a packet may fare: its verdict, where it then goes, whether its source is rewritten."""

    verdict: str
    target: tuple[str, int] | None = None
    masqueraded: bool = False


@dataclass(slots=True)
class Rule:
    """One line: its options in order, each with whether it is negated and its value; where it jumps."""

    options: list[tuple[str, bool, str]] = field(default_factory=list)
    jump: str = ""
    value: str = ""
    line: str = ""


@dataclass(slots=True)
class Rules:
    """Rules by table and chain, and which of their lines the last walk followed."""

    chains: dict[tuple[str, str], list[Rule]] = field(default_factory=lambda: defaultdict(list))
    followed: set[str] = field(default_factory=set)


def rules_of(lines: Iterable[tuple[str, str]]) -> Rules:
    """Rules from (table, line)."""
    rules = Rules()
    for table, line in lines:
        words = shlex.split(line)
        rules.chains[table, words[1]].append(replace(_rule(words[2:]), line=f"{table} {line}"))
    return rules


def lines_of(dump: str) -> list[tuple[str, str]]:
    """Every rule of a whole dump, with its table."""
    table, found = "", []
    for line in dump.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith("-A "):
            found.append((table, line))
    return found


def own_addresses(ip_addr: Path) -> frozenset[str]:
    """The node's addresses, from `ip -j addr`."""
    return frozenset(a["local"] for link in json.loads(ip_addr.read_text()) for a in link["addr_info"])


def walk(rules: Rules, packet: Packet) -> set[End]:
    """Every way the packet may fare: chance and remembered clients are open, all else is decided."""
    ends: set[End] = set()
    rules.followed.clear()
    translated, passed = _chain(rules, "nat", "PREROUTING", packet)
    arrived = translated | {("none", p) for p in passed}
    for _, one in arrived:
        local = one.target in one.own
        stopped, passed = _chain(rules, "filter", "INPUT" if local else "FORWARD", one)
        ends |= {End(verdict) for verdict, _ in stopped if verdict in ("DROP", "REJECT")}
        for accepted in passed | {p for verdict, p in stopped if verdict == "ACCEPT"}:
            rewritten = set() if local else _chain(rules, "nat", "POSTROUTING", accepted)[0]
            target = (accepted.target, accepted.port) if accepted.translated else None
            ends.add(End("DNAT" if target else "none", target, any(v == "MASQUERADE" for v, _ in rewritten)))
    return ends


def _rule(words: list[str]) -> Rule:
    rule, negated, rest = Rule(), False, iter(words)
    for word in rest:
        if word == "!":
            negated = True
        elif word == "-j":
            rule.jump = next(rest)
        elif word in ("--set-xmark", "--to-destination"):
            rule.value = next(rest)
        elif word in _SKIPPED:
            for _ in range(_SKIPPED[word]):
                next(rest)
        else:
            value = "" if word == "--rcheck" else next(rest)
            rule.options.append((word, negated, value))
            negated = False
    return rule


def _chain(rules: Rules, table: str, chain: str, packet: Packet) -> tuple[set[tuple[str, Packet]], set[Packet]]:
    """What may end a packet in this chain, and as what it may come out at its end."""
    ended: set[tuple[str, Packet]] = set()
    inside, returned = {packet}, set[Packet]()
    for rule in rules.chains.get((table, chain), []):
        after = set[Packet]()
        for one in inside:
            matches = _matches(rule, one)
            if matches is not SURE:
                after.add(one)
            if matches is not NEVER:
                done, left, back = _act(rules, table, rule, one)
                ended |= done
                after |= left
                returned |= back
        inside = after
    return ended, inside | returned


def _act(
    rules: Rules, table: str, rule: Rule, packet: Packet
) -> tuple[set[tuple[str, Packet]], set[Packet], set[Packet]]:
    """A matching rule: packets that end, that go on to the next rule, and that go back to the calling chain."""
    rules.followed.add(rule.line)
    if rule.jump == "MARK":
        value, mask = (int(word, 16) for word in rule.value.split("/"))
        return set(), {replace(packet, mark=(packet.mark & ~mask) ^ value)}, set()
    if rule.jump == "DNAT":
        host, port = rule.value.rsplit(":", 1)
        target = replace(packet, target=host.strip("[]"), port=int(port), translated=True)
        return {("DNAT", target)}, set(), set()
    if rule.jump == "RETURN":
        return set(), set(), {packet}
    if rule.jump in ("ACCEPT", "DROP", "REJECT", "MASQUERADE"):
        return {(rule.jump, packet)}, set(), set()
    ended, passed = _chain(rules, table, rule.jump, packet) if rule.jump else (set(), {packet})
    return ended, passed, set()


def _matches(rule: Rule, packet: Packet) -> bool | None:
    sure: bool | None = SURE
    for option, negated, value in rule.options:
        one = _match(option, value, packet)
        if one is MAYBE:
            sure = MAYBE
        elif one == negated:
            return NEVER
    return sure


def _match(option: str, value: str, packet: Packet) -> bool | None:
    """Whether one option matches; an option this walker does not know fails the test that uses it."""
    if option in ("--probability", "--rcheck"):
        return MAYBE
    if option in ("-s", "-d"):
        return ip_address(packet.source if option == "-s" else packet.target) in ip_network(value)
    if option == "-p":
        return packet.protocol == value
    if option == "--dport":
        return packet.port == int(value)
    if option in ("--src-type", "--dst-type"):
        address = packet.source if option == "--src-type" else packet.target
        return value == "LOCAL" and (address in packet.own or ip_address(address).is_loopback)
    if option == "--mark":
        wanted, mask = (int(word, 16) for word in value.split("/"))
        return packet.mark & mask == wanted
    if option == "--ctstate":
        return bool({"NEW", "DNAT" if packet.translated else "NEW"} & set(value.split(",")))
    raise AssertionError(f"{option} {value}: not known to the walker")
