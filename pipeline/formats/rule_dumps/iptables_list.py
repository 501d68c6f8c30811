"""`iptables -L`, with and without -n, -v, -x and --line-numbers; one chain or many, one command's output or several.

`iptables_list_options` reads the text after the addresses. `spec` becomes what iptables-save would print.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.rule_dumps.counters import parse_counter
from pipeline.formats.rule_dumps.dump_findings import LEGACY_WARNING, iptables_findings
from pipeline.formats.rule_dumps.incomplete_dump import mark_incomplete
from pipeline.formats.rule_dumps.iptables_list_options import quoted, read_extensions
from pipeline.formats.rule_dumps.iptables_sections import Section, command_section
from pipeline.schema.frames import frame

if TYPE_CHECKING:
    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_PREFIX = r"^[\s#>|+]*"  # quoted mail, comments, diffs
_CHAIN = re.compile(_PREFIX + r"Chain (?P<chain>\S+) \((?:policy (?P<policy>\w+)|[\d-]+ references?)")
_HEADER = re.compile(
    _PREFIX + r"(?:num\s+)?(?:pkts\s+bytes\s+)?target\s+prot\s+(?:opt\s+)?(?:in\s+out\s+)?source\s+dest"
)
_COUNT = r"\d+[KMGTP]?"
_NAME = r"anywhere|!?localhost(?:/\d+)?|!?[\w-]+(?:\.[\w-]+)+\.?(?:/\d+)?"
_ADDRESS = rf"!?(?:[\da-fA-F]*:[\da-fA-F:.]*|[\d.]+)(?:/[\d.a-fA-F:]+)?|{_NAME}"
_OPTION = "--|-f|!f"
_RULE = re.compile(
    rf"^[\s#>|+]*?(?:(?P<num>\d+)\s+)?(?:(?P<pkts>{_COUNT})\s+(?P<bytes>{_COUNT})\s+)?(?:(?P<target>[A-Za-z_][^\s]*)\s+)?"
    rf"(?P<prot>!?[\w-]+)\s+(?:(?P<opt>{_OPTION})\s+)?(?:(?P<in>!?[\w.*+@-]+)\s+(?P<out>!?[\w.*+@-]+)\s+)?"
    rf"(?P<src>{_ADDRESS})\s+(?P<dst>{_ADDRESS})(?:\s+(?P<extensions>.*))?$"
)
_CHAIN_SIGN = re.compile(_PREFIX + r"Chain \S+ \((policy|[\d-]+ references?)")
_HEADER_SIGN = re.compile(_PREFIX + r"(num\s+)?(pkts\s+bytes\s+)?target\s+prot\s")
_OPTION_SIGN = re.compile(rf"\s({_OPTION})\s")
_RULE_LIKE = re.compile(r".* -- |\s*(KUBE|cali|DNAT|MASQ|MARK|REJECT|ACCEPT|DROP|RETURN)\S*\s+\S+\s")
_APPENDED = re.compile(r"^\s*(?:\[(\d+):(\d+)\]\s*)?-A ([^\s{}]+)(?:\s+(.*?))?\s*$")
_LONGEST = 20_000
_UNKNOWN_CHAIN = "(unknown)"
_HIDDEN_INTERFACE = '-m hidden --text "interfaces, which a listing without -v leaves out"'
_CIDR_MATCH = re.compile(r"^!|/(?!32$|128$)")
_PROTOCOLS = {"0": "all", "1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp", "132": "sctp"}
_ANY = {"all", "0.0.0.0/0", "::/0", "anywhere", "*", "any"}


@dataclass
class _Reader:
    """The rows so far, and the section and chain of the next line."""

    rows: list[Row] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    has_legacy_warning: bool = False
    chain: str | None = None

    def read_line(self, number: int, line: str) -> None:
        self.has_legacy_warning |= LEGACY_WARNING in line
        if len(line) > _LONGEST:
            self.rejects.append(Reject(number, "too long for a row of a listing", clip(line)))
        elif match := _CHAIN.match(line):
            self.open_chain(number, line, match["chain"], match["policy"])
        elif match := _APPENDED.match(line):
            self.add_appended(number, line, match)
        elif section := command_section(line):
            self.sections.append(section)
            self.chain = section.listed_chain
        elif line.strip() and not _HEADER.match(line):
            self.add_rule(number, line)

    def open_chain(self, number: int, line: str, chain: str, policy: str | None) -> None:
        """Declare a chain. One that the section already has belongs to another table, so a section begins."""
        if not self.sections or (chain in self.sections[-1].targets and not self.sections[-1].table):
            self.sections.append(Section(family=self.sections[-1].family if self.sections else None))
        self.chain = chain
        columns: Row = {"target": policy or "-", "spec": f":{chain} {policy or '-'}"}
        self.add_row(number, line, chain, columns, is_declaration=True)

    def add_rule(self, number: int, line: str) -> None:
        match = _RULE.match(line)
        chain = self.chain or _UNKNOWN_CHAIN
        if match and (self.chain or match["opt"]):
            self.add_row(number, line, chain, _columns(match, chain))
        elif _RULE_LIKE.match(line):
            self.rejects.append(Reject(number, "not a row of an iptables listing", clip(line)))

    def add_appended(self, number: int, line: str, match: re.Match[str]) -> None:
        """Add a rule that iptables-save or -S printed between listings."""
        packets, octets, chain, spec = match.groups()
        target = re.search(r"(?:^|\s)-[jg] (\S+)", spec or "")
        columns: Row = {"target": target[1] if target else None, "spec": spec or ""}
        columns |= {"packet_count": parse_counter(packets), "byte_count": parse_counter(octets)} if packets else {}
        self.add_row(number, line, chain, columns)

    def add_row(self, number: int, line: str, chain: str, columns: Row, *, is_declaration: bool = False) -> None:
        if not self.sections:
            self.sections.append(Section())
        self.sections[-1].add(chain, "" if is_declaration else str(columns["target"] or ""))
        row: Row = {"chain": chain, "line_number": number, "text": line, "section": len(self.sections) - 1}
        self.rows.append(row | {"rule_number": 0 if is_declaration else 1} | columns)

    def finished_rows(self) -> list[Row]:
        """Return the rows with table, family and rule number, once the whole text is read; a chain is declared once."""
        has_ipv6 = any(":" in str(r.get(c)) for r in self.rows for c in ("source", "destination"))
        default_family = "ip6" if has_ipv6 else "ip"
        rule_counts: dict[tuple[str, str, str], int] = {}
        finished = []
        for row in self.rows:
            section, chain = self.sections[int(str(row.pop("section")))], str(row["chain"])
            key = family, table, _ = section.family or default_family, section.table_of(chain), chain
            is_rule, is_first = bool(row["rule_number"]), key not in rule_counts
            rule_counts[key] = rule_counts.get(key, 0) + is_rule
            if is_rule or is_first:
                row |= {"family": family, "table_name": table, "spec": self.final_spec(row)}
                finished.append(row | {"rule_number": rule_counts[key] if is_rule else 0})
        return finished

    def final_spec(self, row: Row) -> str:
        """Return a rule's spec, for kube-proxy's rules without the hidden interface if they cannot name one."""
        if str(row["chain"]).startswith("KUBE-") and not self.may_detect_by_interface:
            return str(row["spec"]).replace(f"{_HIDDEN_INTERFACE} ", "")
        return str(row["spec"])

    @cached_property
    def may_detect_by_interface(self) -> bool:
        """Whether kube-proxy may detect local (pod) traffic by interface.

        It does not if some rule detects it by CIDR, or if the rules show that nothing detects it.
        """
        rules = [(str(r["chain"]), str(r.get("comment")), str(r.get("source") or ""), r["target"]) for r in self.rows]
        pod_chains = {chain for chain, comment, _, _ in rules if comment.startswith("pod traffic for ")}
        local_chains = {chain for chain, comment, _, _ in rules if comment.startswith("route LOCAL traffic for ")}
        sources = [s for chain, _, s, target in rules if target == "KUBE-MARK-MASQ" or chain in pod_chains]
        return not local_chains - pod_chains and not any(map(_CIDR_MATCH.search, sources))


def _columns(match: re.Match[str], chain: str) -> Row:
    """Return the columns of a rule, `spec` in iptables-save's grammar."""
    extensions = read_extensions(match["extensions"] or "")
    protocol = _PROTOCOLS.get(match["prot"], match["prot"])
    source, destination, target = match["src"], match["dst"], match["target"] or ""
    comment = " ".join(extensions.comments)
    options = [
        *_address_option("-s", source),
        *_address_option("-d", destination),
        *_option("-i", match["in"]),
        *_option("-o", match["out"]),
        *_option("-p", protocol),
        *extensions.matches,
    ]
    if not match["in"] and _may_name_interface(chain, target, comment, source):
        options.append(_HIDDEN_INTERFACE)
    if target:
        to_option = {"DNAT": "--to-destination", "SNAT": "--to-source"}.get(target, "--to")
        target_options = (re.sub(r"^--to ", f"{to_option} ", option) for option in extensions.target)
        options += ["-g" if extensions.is_goto else "-j", target, *target_options]
    return {
        "protocol": None if protocol in _ANY else protocol,
        "source": None if source in _ANY else source,
        "destination": None if destination in _ANY else destination,
        "target": target or None,
        "comment": comment or None,
        "packet_count": parse_counter(match["pkts"]) if match["pkts"] else None,
        "byte_count": parse_counter(match["bytes"]) if match["bytes"] else None,
        "spec": " ".join(options),
    }


def _may_name_interface(chain: str, target: str, comment: str, source: str) -> bool:
    """Return whether a rule may match an interface, which only -v shows; kube-proxy detects pods by interface."""
    if not chain.startswith("KUBE-"):
        return not target.startswith("KUBE-")
    if comment.startswith("pod traffic for "):
        return source in _ANY
    detects_pods = source in _ANY and not comment.endswith(" external destinations")
    return detects_pods and target == "KUBE-MARK-MASQ" and chain.startswith(("KUBE-SVC-", "KUBE-SERVICES"))


def _option(option: str, value: str | None) -> list[str]:
    if value is None or value in _ANY:
        return []
    return ["!", option, value[1:]] if value.startswith("!") else [option, value]


def _address_option(option: str, value: str) -> list[str]:
    """Return an address as an option; a host name can only become a hidden match."""
    if value in _ANY:
        return []
    if re.match(r"!?[\d.]+(/[\d.]+)?$|!?[\da-fA-F]*:", value):
        return _option(option, value)
    side = "source" if option == "-s" else "destination"
    return ["-m hidden --text", quoted(f"{side} {value} is printed as a name")]


class IptablesList:
    """The output of `iptables -L` and its variants."""

    name = "iptables-list"
    kind: Kind = "rules"
    sign = "lines with Chain or target prot"

    def recognise(self, head: str) -> int:
        """Return a high score for a `Chain X (` line with the header of a listing, a lower one for rules alone."""
        lines = [line[:_LONGEST] for line in head.splitlines()]
        has_chain, has_header = (any(map(pattern.match, lines)) for pattern in (_CHAIN_SIGN, _HEADER_SIGN))
        if has_chain:
            return 90 if has_header else 70
        if has_header:
            return 72
        optioned = (line for line in lines if _OPTION_SIGN.search(line))
        return 60 if any(match["opt"] for line in optioned if (match := _RULE.match(line))) else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per rule, and one with rule_number 0 per chain."""
        reader = _Reader()
        for number, line in source.lines():
            reader.read_line(number, line)
        rows = frame("rules", reader.finished_rows())
        rows = mark_incomplete(rows, is_cut=bool(source.unterminated_line), rejects=reader.rejects)
        findings = iptables_findings(rows, has_legacy_warning=reader.has_legacy_warning)
        tables = {"rules": rows} if len(rows) else {}
        return Parsed(tables, reader.rejects, findings, len(rows) + len(reader.rejects))


FORMAT = IptablesList()
