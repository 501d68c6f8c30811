"""`iptables -L` in its shapes: with and without -n, -v, -x, --line-numbers; one chain or many, several commands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.rule_dumps.incomplete import marked
from pipeline.formats.rule_dumps.iptables_common import (
    APPENDED,
    UNKNOWN_CHAIN,
    WARNING_MARKS,
    Section,
    command_section,
    counted,
    rule_findings,
)
from pipeline.formats.rule_dumps.iptables_list_options import quoted, read_words
from pipeline.schema.frames import frame

if TYPE_CHECKING:
    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_CHAIN = re.compile(r"^[\s#>|+]*Chain (?P<chain>\S+) \((?:policy (?P<policy>\w+)|[\d-]+ references?)")
_HEADER = re.compile(
    r"^[\s#>|+]*(?:num\s+)?(?:pkts\s+bytes\s+)?target\s+prot\s+(?:opt\s+)?(?:in\s+out\s+)?source\s+dest"
)
_COUNT = r"\d+[KMGTP]?"
_NAME = r"anywhere|!?localhost(?:/\d+)?|!?[\w-]+(?:\.[\w-]+)+\.?(?:/\d+)?"
_ADDRESS = rf"!?(?:[\da-fA-F]*:[\da-fA-F:.]*|[\d.]+)(?:/[\d.a-fA-F:]+)?|{_NAME}"
_OPTION = "--|-f|!f"
_ROW = re.compile(
    rf"^[\s#>|+]*?(?:(?P<num>\d+)\s+)?(?:(?P<pkts>{_COUNT})\s+(?P<bytes>{_COUNT})\s+)?(?:(?P<target>[A-Za-z_][^\s]*)\s+)?"
    rf"(?P<prot>!?[\w-]+)\s+(?:(?P<opt>{_OPTION})\s+)?(?:(?P<in>!?[\w.*+@-]+)\s+(?P<out>!?[\w.*+@-]+)\s+)?"
    rf"(?P<src>{_ADDRESS})\s+(?P<dst>{_ADDRESS})(?:\s+(?P<rest>.*))?$"
)
LONGEST = 20_000
_HIDDEN = '-m hidden --text "interfaces, which a listing without -v leaves out"'
_BY_RANGE = re.compile(r"^!|/(?!32$|128$)")
_NUMBERS = {"0": "all", "1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp", "132": "sctp"}
_ANY = {"all", "0.0.0.0/0", "::/0", "anywhere", "*", "any"}


@dataclass
class _Reader:
    """Where in the text it is, and what was read."""

    rows: list[Row] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    chain: str | None = None

    def line(self, number: int, line: str) -> None:
        self.marks |= {mark for mark in WARNING_MARKS if mark in line}
        if len(line) > LONGEST:
            self.rejects.append(Reject(number, "too long for a row of a listing", clip(line)))
        elif found := _CHAIN.match(line):
            self.open_chain(number, line, found["chain"], found["policy"])
        elif found := APPENDED.match(line):
            self.appended(number, line, found)
        elif opened := command_section(line):
            self.sections.append(opened)
            self.chain = opened.listed
        elif line.strip() and not _HEADER.match(line):
            self.rule(number, line)

    def open_chain(self, number: int, line: str, chain: str, policy: str | None) -> None:
        if not self.sections or (chain in self.sections[-1].chains and not self.sections[-1].table):
            self.sections.append(Section(family=self.sections[-1].family if self.sections else None))
        self.chain = chain
        columns: Row = {"target": policy or "-", "spec": f":{chain} {policy or '-'}"}
        self.keep(number, line, chain, columns, declares=True)

    def rule(self, number: int, line: str) -> None:
        found = _ROW.match(line)
        chain = self.chain or UNKNOWN_CHAIN
        if found and (self.chain or found["opt"]):
            self.keep(number, line, chain, _columns(found, chain))
        elif _looks_like_rule(line):
            self.rejects.append(Reject(number, "not a row of an iptables listing", clip(line)))

    def appended(self, number: int, line: str, found: re.Match[str]) -> None:
        """A rule as iptables-save or -S prints it, between listings."""
        spec = found[4] or ""
        target = re.search(r"(?:^|\s)-[jg] (\S+)", spec)
        columns: Row = {"target": target[1] if target else None, "spec": spec}
        columns |= {"packet_count": counted(found[1]), "byte_count": counted(found[2])} if found[1] else {}
        self.keep(number, line, found[3], columns)

    def keep(self, number: int, line: str, chain: str, columns: Row, *, declares: bool = False) -> None:
        """Keep a row; its target tells which table the chain is of."""
        if not self.sections:
            self.sections.append(Section())
        self.sections[-1].see(chain, "" if declares else str(columns["target"] or ""))
        row: Row = {"chain": chain, "line_number": number, "text": line, "section": len(self.sections) - 1}
        self.rows.append(row | {"rule_number": 0 if declares else 1} | columns)

    def settled(self) -> list[Row]:
        """Rows with table, family and place, once all of the text was seen; a chain is declared once."""
        family = "ip6" if any(":" in str(r.get(c)) for r in self.rows for c in ("source", "destination")) else "ip"
        places: dict[tuple[str, str, str], int] = {}
        settled = []
        for row in self.rows:
            section = self.sections[int(str(row.pop("section")))]
            key = section.family or family, section.table_of(str(row["chain"])), str(row["chain"])
            first = key not in places
            places.setdefault(key, 0)
            places[key] += bool(row["rule_number"])
            if row["rule_number"] or first:
                row |= {"family": key[0], "table_name": key[1], "spec": self.shown(row)}
                settled.append(row | {"rule_number": places[key] if row["rule_number"] else 0})
        return settled

    def shown(self, row: Row) -> str:
        """A rule's spec; what shows that kube-proxy does not tell pods by interface settles it for its rules."""
        if str(row["chain"]).startswith("KUBE-") and not self.by_interface:
            return str(row["spec"]).replace(f"{_HIDDEN} ", "")
        return str(row["spec"])

    @cached_property
    def by_interface(self) -> bool:
        """Whether kube-proxy may tell pods by interface: no rule tells them by range, or shows that none tells them."""
        said = [(row["chain"], str(row.get("comment")), str(row.get("source") or "")) for row in self.rows]
        pods = {chain for chain, comment, _ in said if comment.startswith("pod traffic for ")}
        local = {chain for chain, comment, _ in said if comment.startswith("route LOCAL traffic for ")}
        marking = [s for row, (_, _, s) in zip(self.rows, said, strict=True) if row["target"] == "KUBE-MARK-MASQ"]
        sources = [*marking, *(source for chain, _, source in said if chain in pods)]
        return not local - pods and not any(map(_BY_RANGE.search, sources))


def _looks_like_rule(line: str) -> bool:
    return " -- " in line or bool(
        re.match(r"^\s*(KUBE|cali|DNAT|MASQ|MARK|REJECT|ACCEPT|DROP|RETURN)\S*\s+\S+\s", line)
    )


def _columns(found: re.Match[str], chain: str) -> Row:
    """The columns of a row, `spec` in iptables-save's grammar."""
    words = read_words(found["rest"] or "")
    protocol = _NUMBERS.get(found["prot"], found["prot"])
    source, destination = found["src"], found["dst"]
    options = [
        *_address("-s", source),
        *_address("-d", destination),
        *_plain("-i", found["in"]),
        *_plain("-o", found["out"]),
        *_plain("-p", protocol),
        *words.matches,
    ]
    target = found["target"] or ""
    hidden = not found["in"] and _may_name_interface(chain, target, " ".join(words.comments), source)
    options += [_HIDDEN] if hidden else []
    if target:
        to = {"DNAT": "--to-destination", "SNAT": "--to-source"}.get(target, "--to")
        options += ["-g" if words.goto else "-j", target, *(re.sub(r"^--to ", f"{to} ", w) for w in words.target)]
    return {
        "protocol": None if protocol in _ANY else protocol,
        "source": None if source in _ANY else source,
        "destination": None if destination in _ANY else destination,
        "target": target or None,
        "comment": " ".join(words.comments) or None,
        "packet_count": counted(found["pkts"]) if found["pkts"] else None,
        "byte_count": counted(found["bytes"]) if found["bytes"] else None,
        "spec": " ".join(options),
    }


def _may_name_interface(chain: str, target: str, comment: str, source: str) -> bool:
    """Whether the rule may ask for an interface, which only -v shows; kube-proxy's do to tell pods apart."""
    if not chain.startswith("KUBE-"):
        return not target.startswith("KUBE-")
    tells_pods = source in _ANY and not comment.endswith(" external destinations")
    if comment.startswith("pod traffic for "):
        return source in _ANY
    return tells_pods and target == "KUBE-MARK-MASQ" and chain.startswith(("KUBE-SVC-", "KUBE-SERVICES"))


def _plain(option: str, value: str | None) -> list[str]:
    if value is None or value in _ANY:
        return []
    return ["!", option, value[1:]] if value.startswith("!") else [option, value]


def _address(option: str, value: str) -> list[str]:
    """A numeric address as an option; a name can only be kept as a hidden test."""
    if value in _ANY:
        return []
    if re.match(r"!?[\d.]+(/[\d.]+)?$|!?[\da-fA-F]*:", value):
        return _plain(option, value)
    side = "source" if option == "-s" else "destination"
    return ["-m hidden --text", quoted(f"{side} {value} is printed as a name")]


class IptablesList:
    """`iptables -nL` and its sisters."""

    name = "iptables-list"
    kind: Kind = "rules"
    sign = "lines with Chain or target prot"

    def recognise(self, head: str) -> int:
        """Sure where there is a `Chain X (` line followed by the header of a listing."""
        head = "\n".join(line[:LONGEST] for line in head.splitlines())
        chains = re.search(r"^[\s#>|+]*Chain \S+ \((policy|[\d-]+ references?)", head, re.MULTILINE)
        header = re.search(r"^[\s#>|+]*(num\s+)?(pkts\s+bytes\s+)?target\s+prot\s", head, re.MULTILINE)
        if chains:
            return 90 if header else 70
        if header:
            return 72
        has_options = re.search(rf"\s({_OPTION})\s", head)
        return 60 if has_options and any(m["opt"] for line in head.splitlines() if (m := _ROW.match(line))) else 0

    def parse(self, source: Source) -> Parsed:
        """One row a rule, and one with rule_number 0 a chain."""
        reader = _Reader()
        for number, line in source.lines():
            reader.line(number, line)
        rows = reader.settled()
        table = marked(frame("rules", rows), is_cut=bool(source.unterminated_line), rejects=reader.rejects)
        findings = rule_findings(table, reader.marks)
        return Parsed({"rules": table} if rows else {}, reader.rejects, findings, len(table) + len(reader.rejects))


FORMAT = IptablesList()
