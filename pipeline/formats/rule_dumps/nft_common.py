"""What the readers of nft texts share: columns of a rule, and findings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed
from pipeline.formats.rule_dumps.incomplete import marked
from pipeline.formats.rule_dumps.iptables_common import counted, fault_findings
from pipeline.rules.grammar.nft_sets import seconds
from pipeline.schema.findings import Finding
from pipeline.schema.frames import frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.formats.base import Reject
    from pipeline.schema import Row

_SOURCE = re.compile(r"\bip6? saddr (?:(!=) )?(?:\{ ([^}]*) \}|([\d.a-fA-F:]+(?:/\d+)?)(?=\s|$))")
_DESTINATION = re.compile(r"\bip6? daddr (?:(!=) )?([\d.a-fA-F:]+(?:/\d+)?)(?=\s|$)")
_TARGET = re.compile(r"\b(?:goto|jump) (\S+)|\b(accept|drop|reject|return|masquerade|dnat|snat|redirect|vmap)\b")
_PROTOCOL = re.compile(r"\bmeta l4proto (?!\.)([a-z]\w*)|\b(tcp|udp|sctp) [ds]port\b")
_COUNTER = re.compile(r"counter packets (\d+) bytes (\d+)")
_REMEMBERED = re.compile(r"^([\d.a-fA-F:]{2,45}) .*?\bexpires ((?:\d{1,9}[a-z]{1,2})+)")
_FOUR = re.compile(r"^([\d.a-fA-F:]+) \. [\d.a-fA-F:]+ \. \w+ \. \d+$")


def rule_columns(spec: str) -> Row:
    """The columns of a rule or an element."""
    comment = re.search(r'comment "([^"]*)"', spec)
    bare = re.sub(r'\s*comment "[^"]*"', "", spec) if comment else spec
    counter = _COUNTER.search(bare)
    target, protocol = _TARGET.search(bare), _PROTOCOL.search(bare)
    return {
        "protocol": (protocol[1] or protocol[2]) if protocol else None,
        "source": _source(bare),
        "destination": _negated(found[1], found[2]) if (found := _DESTINATION.search(bare)) else None,
        "target": (target[1] or target[2]) if target else None,
        "comment": comment[1] if comment else None,
        "packet_count": counted(counter[1]) if counter else None,
        "byte_count": counted(counter[2]) if counter else None,
        "spec": spec,
    }


def _source(spec: str) -> str | None:
    """The sources a rule names, or a hairpin element's."""
    if found := _SOURCE.search(spec):
        return _negated(found[1], (found[2] or found[3]).replace(", ", ","))
    pair = _FOUR.match(spec)
    return pair[1] if pair else None


def _negated(sign: str | None, value: str) -> str:
    return f"!{value}" if sign else value


def finished(rows: list[Row], rejects: list[Reject], *, is_cut: bool) -> Parsed:
    """Rows with findings; chains without a single rule are a list of names: taken for rules they would allow all.

    `is_cut` says that the text ends early.
    """
    if rows and not any(r["rule_number"] for r in rows):
        return Parsed({}, rejects, [_NAMES_ONLY], len(rejects))
    table = marked(frame("rules", rows), is_cut=is_cut, rejects=rejects)
    findings = fault_findings(table)
    if rows and not any(_of_kube_proxy(r) for r in rows):
        findings.append(_NO_KUBE)
    tables = {"rules": table} if rows else {}
    if remembered := [*_remembered(rows)]:
        tables["recent_clients"] = frame("recent_clients", remembered)
    return Parsed(tables, rejects, findings, len(table) + len(rejects))


def _remembered(rows: Iterable[Row]) -> Iterator[Row]:
    """The clients in the sets by which kube-proxy remembers them, and a line for each set."""
    for row in rows:
        name, element = str(row["chain"]), _REMEMBERED.match(str(row["spec"]))
        if name.startswith("@affinity-") and (element or not row["rule_number"]):
            line: Row = {"list_name": name[1:], "line_number": row["line_number"]}
            client: Row = {"ip": element[1], "expires_s": seconds(element[2])} if element else {}
            yield line | client


def _of_kube_proxy(row: Row) -> bool:
    return row["table_name"] == "kube-proxy" or str(row["chain"]).startswith("KUBE-")


_NAMES_ONLY = Finding.declared(
    "no-rules",
    "chains are named but no rule is shown",
    "dump with `nft list ruleset`",
)
_NO_KUBE = Finding.declared(
    "no-kube-chains",
    "no table of kube-proxy is in these rules",
    "dump the rules in the node's own network namespace, as root",
)
