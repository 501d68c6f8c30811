"""Compiles one rule in iptables-save's grammar to steps and a target.

Example: `-s 10.0.0.0/8 -p tcp -m tcp --dport 80 -j KUBE-SVC-X` becomes Source, ProtocolIs, DestinationPort and Jump.
A part that is not understood becomes `UnknownMatch` or `UnknownTarget`, never an error. The input forms of listings
(`iptables -L`) rewrite them in this grammar; a text that has no option here becomes `-m hidden --text "..."`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.rules.grammar.ipsets import membership
from pipeline.rules.grammar.iptables_targets import parse_target
from pipeline.rules.grammar.values import PROTOCOLS, address_ranges, port_ranges, value_and_mask
from pipeline.rules.model import matches as m
from pipeline.rules.model.rule import Rule
from pipeline.rules.model.targets import Continue, Jump, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.rules.grammar.nft_sets import Sets


_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"?|(\S+)')


def words(spec: str) -> list[str]:
    """The words of a rule's text, without quotes."""
    if '"' not in spec:
        return spec.split()
    groups = (match.groups() for match in _WORD.finditer(spec))
    return [re.sub(r"\\(.)", r"\1", quoted) if bare is None else bare for quoted, bare in groups]


def compile_rule(row: int, spec: str, ip_set: Sets) -> Rule:
    """The rule of a text, `-s 10.0.0.0/8 -p tcp ... -j TARGET`; `ip_set` returns an ipset by its name."""
    return _Compiler(row, words(spec), ip_set).rule()


class _Compiler:
    """Reads words from left to right."""

    def __init__(self, row: int, tokens: list[str], ip_set: Sets) -> None:
        self.row = row
        self.ip_set = ip_set
        self.tokens = tokens
        self.at = 0
        self.module = ""
        self.negated = False
        self.steps: list[m.Step] = []
        self.target: Target = Continue()
        self.recent: dict[str, str] = {}

    def rule(self) -> Rule:
        while self.at < len(self.tokens):
            word = self.next()
            if word == "!":
                self.negated = not self.negated
                continue
            try:
                self.option(word)
            except ValueError:
                self.add(m.UnknownMatch(f"not understood: {word}"))
            self.negated = False
        return Rule(self.row, tuple(self.steps), self.target)

    def next(self) -> str:
        """The next word; empty at the end."""
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ""

    def rest_of_option(self) -> list[str]:
        """The words up to the next option."""
        start = self.at
        while self.at < len(self.tokens) and not _starts_option(self.tokens[self.at]):
            self.at += 1
        return self.tokens[start : self.at]

    def option(self, word: str) -> None:
        if word in ("-j", "-g", "--jump", "--goto"):
            name = self.next()
            options = self.tokens[self.at :]
            self.at = len(self.tokens)
            self.target = parse_target(name, options, self.steps) if word[-1] in "jp" else Jump(name, goto=True)
        elif word in ("-m", "--match"):
            self.module = self.next()
            if self.module not in _MODULES:
                self.unknown_module(self.module)
        elif handler := _OPTIONS.get((self.module, word)) or _OPTIONS.get(("", word)):
            handler(self)
        else:
            self.add(m.UnknownMatch(" ".join([self.module, word, *self.rest_of_option()]).strip()))

    def unknown_module(self, module: str) -> None:
        """Add one unknown match for a module that is not supported: all words up to the next module or target."""
        start = self.at
        while self.at < len(self.tokens) and self.tokens[self.at] not in ("-m", "-j", "-g", "--match", "--jump"):
            self.at += 1
        self.add(m.UnknownMatch(" ".join([module, *self.tokens[start : self.at]])))

    def add(self, step: m.Step) -> None:
        self.steps.append(m.Not(step) if self.negated else step)

    def value(self) -> str:
        """The option's value; old releases put the `!` after the option."""
        word = self.next()
        if word == "!":
            self.negated = not self.negated
            word = self.next()
        return word


def _starts_option(word: str) -> bool:
    return word.startswith("-") or word == "!"


def _source(c: _Compiler) -> None:
    c.add(m.Source(address_ranges(c.value())))


def _destination(c: _Compiler) -> None:
    c.add(m.Destination(address_ranges(c.value())))


def _protocol(c: _Compiler) -> None:
    name = c.value().lower()
    if name not in ("all", "0"):
        c.add(m.ProtocolIs(frozenset({PROTOCOLS.get(name, name)})))


def _in_interface(c: _Compiler) -> None:
    c.add(m.Interface(c.value(), incoming=True))


def _out_interface(c: _Compiler) -> None:
    c.add(m.Interface(c.value(), incoming=False))


def _dport(c: _Compiler) -> None:
    c.add(m.DestinationPort(port_ranges(c.value())))


def _sport(c: _Compiler) -> None:
    ports = c.value()
    if port_ranges(ports) != ((0, 65535),):
        c.add(m.UnknownMatch(f"the source port is not known: is it {ports}?"))


def _ports(c: _Compiler) -> None:
    c.add(m.UnknownMatch(f"multiport --ports {c.value()}"))


def _mark(c: _Compiler) -> None:
    value, mask = value_and_mask(c.value())
    c.add(m.Mark(value, mask, connection=c.module == "connmark"))


def _state(c: _Compiler) -> None:
    c.add(m.ConntrackState(frozenset(c.value().split(","))))


def _status(c: _Compiler) -> None:
    wanted = frozenset(c.value().split(","))
    c.add(m.ConntrackState(frozenset({"NEW", "UNTRACKED"}) if "NONE" in wanted else wanted & {"DNAT", "SNAT"}))


def _type(c: _Compiler, *, of_source: bool) -> None:
    kind = c.value()
    if kind.startswith("!"):
        c.negated, kind = not c.negated, kind[1:]
    step: m.Step = m.IsLocal(of_source) if kind == "LOCAL" else m.UnknownMatch(f"addrtype {kind}")
    c.add(m.Never() if kind in ("MULTICAST", "BROADCAST", "ANYCAST") else step)


def _src_type(c: _Compiler) -> None:
    _type(c, of_source=True)


def _dst_type(c: _Compiler) -> None:
    _type(c, of_source=False)


def _probability(c: _Compiler) -> None:
    c.add(m.RandomShare(float(c.value())))


def _every(c: _Compiler) -> None:
    c.add(m.RandomShare(1 / int(c.value())))


def _tcp_flags(c: _Compiler) -> None:
    examined, wanted = set(c.value().split(",")), c.next()
    syn = {"SYN"} if examined & {"SYN", "ALL"} else set()
    c.add(m.ProtocolIs(frozenset({"tcp"})) if syn == set(wanted.split(",")) - {"NONE"} else m.Never())


def _syn(c: _Compiler) -> None:
    c.add(m.ProtocolIs(frozenset({"tcp"})))


def _recent_check(c: _Compiler) -> None:
    """`--rcheck --seconds T --reap --name KUBE-SEP-x`: the xt_recent list of the endpoint's clients."""
    following = c.tokens[c.at :]
    end = next((i for i, word in enumerate(following) if word in ("-m", "-j", "-g")), len(following))
    options = following[:end]
    seconds = int(options[options.index("--seconds") + 1]) if "--seconds" in options else None
    c.at += end
    c.add(m.InRecentList(seconds, c.row))


def _match_set(c: _Compiler) -> None:
    name, sides = c.value(), c.next().split(",")
    c.add(membership(name, c.ip_set, sides))


def _hidden(c: _Compiler) -> None:
    c.add(m.UnknownMatch(c.value()))


def _skip(value_count: int) -> Callable[[_Compiler], None]:
    """An option that has no effect on the first packet of a connection."""

    def skip(c: _Compiler) -> None:
        for _ in range(value_count):
            c.value()

    return skip


_OPTIONS: dict[tuple[str, str], Callable[[_Compiler], None]] = {
    **dict.fromkeys([("", "-s"), ("", "--source"), ("", "--src"), ("iprange", "--src-range")], _source),
    **dict.fromkeys([("", "-d"), ("", "--destination"), ("", "--dst"), ("iprange", "--dst-range")], _destination),
    **dict.fromkeys([("", "-p"), ("", "--protocol"), ("", "--proto")], _protocol),
    **dict.fromkeys([("", "-i"), ("", "--in-interface")], _in_interface),
    **dict.fromkeys([("", "-o"), ("", "--out-interface")], _out_interface),
    **dict.fromkeys(
        [("", "--dport"), ("", "--dports"), ("", "--destination-port"), ("", "--destination-ports")], _dport
    ),
    **dict.fromkeys([("", "--sport"), ("", "--sports"), ("", "--source-port"), ("", "--source-ports")], _sport),
    ("multiport", "--ports"): _ports,
    **dict.fromkeys([("mark", "--mark"), ("connmark", "--mark")], _mark),
    **dict.fromkeys([("conntrack", "--ctstate"), ("state", "--state")], _state),
    ("conntrack", "--ctstatus"): _status,
    ("addrtype", "--src-type"): _src_type,
    ("addrtype", "--dst-type"): _dst_type,
    ("statistic", "--mode"): _skip(1),
    ("", "--mode"): _skip(1),
    ("", "--probability"): _probability,
    ("statistic", "--every"): _every,
    ("statistic", "--packet"): _skip(1),
    ("tcp", "--tcp-flags"): _tcp_flags,
    ("tcp", "--syn"): _syn,
    **dict.fromkeys([("recent", "--rcheck"), ("recent", "--update")], _recent_check),
    **dict.fromkeys([("recent", w) for w in ("--set", "--rsource", "--rdest", "--reap", "--rttl")], _skip(0)),
    **dict.fromkeys([("recent", w) for w in ("--name", "--mask", "--seconds", "--hitcount")], _skip(1)),
    ("set", "--match-set"): _match_set,
    ("nfacct", "--nfacct-name"): _skip(1),
    ("", "--comment"): _skip(1),
    ("hidden", "--text"): _hidden,
    **dict.fromkeys([("", "-4"), ("", "-6"), ("", "-f")], _skip(0)),
    ("", "-c"): _skip(2),
}
_MODULES = frozenset(module for module, _ in _OPTIONS if module) | {
    "comment",
    "udp",
    "sctp",
    "udplite",
    "dccp",
    "inferred",
}
