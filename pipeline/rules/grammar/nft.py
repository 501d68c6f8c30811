"""Compiles one rule in nft's grammar to steps and a target, in the same model as iptables.

Example: `ip daddr 10.200.0.1 tcp dport 80 goto service-X` becomes Destination, ProtocolIs, DestinationPort and Jump.
A part that is not understood becomes `UnknownMatch` or `UnknownTarget`, never an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.rules.grammar import nft_sets
from pipeline.rules.grammar.nft_sets import Elements
from pipeline.rules.grammar.values import parse_dnat
from pipeline.rules.model import matches as m
from pipeline.rules.model import targets as t
from pipeline.rules.model.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.rules.grammar.nft_sets import Sets

_TOKEN = re.compile(r'"([^"]*)"?|([{},])|([^\s{},]+)')
_ENDS = {"accept", "drop", "reject", "return", "continue", "jump", "goto", "dnat", "snat", "masquerade", "redirect"}


def tokens(spec: str) -> list[str]:
    """The words of a rule's text; braces and commas are separate words."""
    return [quoted or brace or word for quoted, brace, word in _TOKEN.findall(spec)]


def compile_rule(row: int, spec: str, sets: Sets) -> Rule:
    """The rule of a text; `sets` returns a named set or map."""
    return _Compiler(row, tokens(spec), sets).rule()


class _Compiler:
    """Reads statements from left to right."""

    def __init__(self, row: int, words: list[str], sets: Sets) -> None:
        self.row = row
        self.words = words
        self.at = 0
        self.sets = sets
        self.steps: list[m.Step] = []
        self.target: t.Target = t.Continue()

    def rule(self) -> Rule:
        while self.at < len(self.words):
            start = self.at
            try:
                self.statement(self.next())
            except (ValueError, IndexError):
                self.add_unknown(start)
        return Rule(self.row, tuple(self.steps), self.target)

    def next(self) -> str:
        self.at += 1
        return self.words[self.at - 1] if self.at <= len(self.words) else ""

    def peek(self, ahead: int = 0) -> str:
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else ""

    def take(self, *words: str) -> bool:
        """Skip these words if they are next."""
        if tuple(self.words[self.at : self.at + len(words)]) != words:
            return False
        self.at += len(words)
        return True

    def add_unknown(self, start: int) -> None:
        """Add one unknown match (or target), up to the next verdict."""
        self.at = start + 1
        while self.at < len(self.words) and self.peek() not in _ENDS:
            self.at += 1
        text = " ".join(self.words[start : self.at])
        if self.words[start] in _ENDS:
            self.target = t.UnknownTarget(f"not understood: {text}")
        else:
            self.steps.append(m.UnknownMatch(text))

    def statement(self, word: str) -> None:
        if word in _STATEMENTS:
            _STATEMENTS[word](self)
            return
        self.at -= 1
        self.match(self.fields())

    def fields(self) -> list[str]:
        """`ip daddr . meta l4proto . th dport` as dst, protocol, port."""
        names = [self.field()]
        while self.take("."):
            names.append(self.field())
        return names

    def field(self) -> str:
        word = self.next()
        if word in ("ip", "ip6"):
            return {"saddr": "src", "daddr": "dst", "protocol": "protocol", "nexthdr": "protocol"}[self.next()]
        if word == "meta" and self.peek() in ("l4proto", "nfproto", "iifname", "oifname", "mark", "random"):
            key = self.next()
            return "protocol" if key == "l4proto" else key
        if word in ("th", "tcp", "udp", "sctp") and self.peek() in ("dport", "sport"):
            if word != "th":
                self.steps.append(m.ProtocolIs(frozenset({word})))
            return {"dport": "port", "sport": "sport"}[self.next()]
        if word in ("iifname", "oifname", "iif", "oif", "mark"):
            return {"iif": "iifname", "oif": "oifname"}.get(word, word)
        raise ValueError(word)

    def match(self, fields: list[str]) -> None:
        """Compile a comparison, or a lookup in a verdict map, of fields."""
        if self.take("vmap"):
            self.target = nft_sets.verdict_map(fields, self.elements())
            return
        if fields == ["mark"]:
            self.mark()
            return
        if fields == ["random"]:
            self.random()
            return
        negated = self.take("!=")
        self.take("==")
        step = self.comparison(fields)
        self.steps.append(m.Not(step) if negated else step)

    def comparison(self, fields: list[str]) -> m.Step:
        name = self.peek()
        values = self.elements()
        if values is None:
            return m.UnknownMatch(f"set {name} is not in the dump")
        if values.dynamic and fields == ["src"]:
            return m.InRecentList(values.timeout_s, self.row)
        return nft_sets.field_match(fields, [nft_sets.element_key(text) for _, text in values.elements])

    def elements(self) -> Elements | None:
        """The next operand: `@name`, `{ ... }`, or a single value."""
        word = self.next()
        if word.startswith("@"):
            return self.sets(word[1:])
        if word != "{":
            values = word.split(",")
            while self.take("|"):
                values.append(self.next())
            return Elements("", [(self.row, v) for v in values])
        return Elements("", [(self.row, text) for text in self.braced()])

    def braced(self) -> list[str]:
        """The elements up to the closing brace."""
        elements, current = list[str](), list[str]()
        while (word := self.next()) not in ("}", ""):
            if word == ",":
                elements.append(" ".join(current))
                current = []
            else:
                current.append(word)
        return [*elements, " ".join(current)] if current else elements

    def mark(self) -> None:
        """`mark & 0x4000 != 0x0`, `mark 0x4000`, `mark set mark | 0x4000`."""
        if self.take("set"):
            self.set_mark()
            return
        mask = 0xFFFFFFFF
        if self.take("&") or self.take("and"):
            mask = int(self.next(), 0)
        negated = self.take("!=")
        self.take("==")
        step = m.Mark(int(self.next(), 0), mask)
        self.steps.append(m.Not(step) if negated else step)

    def set_mark(self) -> None:
        if not (self.take("meta", "mark") or self.take("mark")):
            self.steps.append(m.SetMark(0xFFFFFFFF, int(self.next(), 0)))
            return
        while self.peek() in ("|", "or", "^", "xor", "&", "and"):
            operator, value = self.next(), int(self.next(), 0)
            flip = operator in ("^", "xor")
            keep = operator in ("&", "and")
            self.steps.append(
                m.SetMark(0, value) if flip else m.SetMark(~value & 0xFFFFFFFF if keep else value, 0 if keep else value)
            )

    def random(self) -> None:
        """`meta random & 2147483647 < 715827882`: nft's text of iptables' statistic match."""
        range_size = int(self.next(), 0) + 1 if self.take("&") else 1 << 32
        if not self.take("<"):
            raise ValueError("random")
        self.steps.append(m.RandomShare(int(self.next(), 0) / range_size))

    def numgen(self) -> None:
        self.at += 1  # random or inc
        self.take("mod")
        modulus = int(self.next())
        if not self.take("vmap"):
            raise ValueError("numgen")
        self.target = nft_sets.random_choice(modulus, self.elements(), nft_sets.parse_verdict)

    def dnat(self) -> None:
        for word in ("ip", "ip6", "addr", ".", "port", "to"):
            self.take(word)
        if self.take("numgen"):
            self.at += 1
            self.take("mod")
            modulus = int(self.next())
            self.take("map")
            self.target = nft_sets.random_choice(modulus, self.elements(), nft_sets.dnat_of_element)
            return
        text = self.next() if self.at < len(self.words) and self.peek() not in _ENDS else ""
        if self.take("."):
            text = f"[{text}]:{self.next()}"
        self.target = parse_dnat(text)

    def skip(self, words: int) -> None:
        self.at += words


def _ct(c: _Compiler) -> None:
    what = c.next()
    negated = c.take("!=")
    c.take("==")
    values = c.elements()
    if what not in ("state", "status") or values is None:
        raise ValueError(what)
    step = m.ConntrackState(frozenset(v.upper() for _, v in values.elements))
    c.steps.append(m.Not(step) if negated else step)


def _fib(c: _Compiler) -> None:
    side = c.next()
    while c.take("."):
        c.next()
    c.take("type")
    negated = c.take("!=")
    kind = c.next()
    step: m.Step = m.IsLocal(side == "saddr") if kind == "local" else m.UnknownMatch(f"fib {side} type {kind}")
    c.steps.append(m.Not(step) if negated else step)


def _final_target(read: Callable[[_Compiler], t.Target]) -> Callable[[_Compiler], None]:
    def statement(c: _Compiler) -> None:
        c.target = read(c)
        c.at = len(c.words)

    return statement


def _update(c: _Compiler) -> None:
    """`update @affinity { ip saddr }` adds the client to the affinity set: no effect on its first packet."""
    c.next()
    c.elements()


def _redirect(c: _Compiler) -> t.Target:
    c.take("to")
    port = c.next().removeprefix(":")
    return t.Redirect(int(port) if port.isdigit() else None)


def _xt(c: _Compiler) -> None:
    """`xt match ...` or `xt target ...`: iptables extensions that nft cannot print."""
    if c.next() != "target":
        raise ValueError("xt")
    c.target = t.UnknownTarget(f"not understood: {' '.join(c.words[c.at - 2 :])}")
    c.at = len(c.words)


def _counter(c: _Compiler) -> None:
    if c.take("packets"):
        c.skip(3)


_STATEMENTS: dict[str, Callable[[_Compiler], None]] = {
    "ct": _ct,
    "fib": _fib,
    "numgen": _Compiler.numgen,
    "dnat": _Compiler.dnat,
    "counter": _counter,
    "comment": lambda c: c.skip(1),
    "log": lambda c: c.skip(len(c.words)),
    "xt": _xt,
    "update": _update,
    "add": _update,
    "masquerade": _final_target(lambda _: t.Snat()),
    "snat": _final_target(lambda _: t.Snat()),
    "redirect": _final_target(_redirect),
    "jump": _final_target(lambda c: t.Jump(c.next())),
    "goto": _final_target(lambda c: t.Jump(c.next(), goto=True)),
    "return": _final_target(lambda _: t.Return()),
    "continue": _final_target(lambda _: t.Continue()),
    "accept": _final_target(lambda _: t.Verdict("accept")),
    "drop": _final_target(lambda _: t.Verdict("drop")),
    "reject": _final_target(lambda _: t.Verdict("reject")),
}
