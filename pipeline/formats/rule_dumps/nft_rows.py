"""Columns of `rules` from a rule or element in nft's syntax, and the tables of a whole listing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed
from pipeline.formats.rule_dumps.counters import parse_counter
from pipeline.formats.rule_dumps.dump_findings import nft_findings
from pipeline.formats.rule_dumps.incomplete_dump import mark_incomplete
from pipeline.rules.grammar.nft_sets import seconds
from pipeline.schema.findings import Finding
from pipeline.schema.frames import frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.formats.base import Reject
    from pipeline.schema import Row

_COMMENT = re.compile(r'\s*comment "([^"]*)"')
_SOURCE = re.compile(r"\bip6? saddr (?:(!=) )?(?:\{ ([^}]*) \}|([\d.a-fA-F:]+(?:/\d+)?)(?=\s|$))")
_DESTINATION = re.compile(r"\bip6? daddr (?:(!=) )?([\d.a-fA-F:]+(?:/\d+)?)(?=\s|$)")
_TARGET = re.compile(r"\b(?:goto|jump) (\S+)|\b(accept|drop|reject|return|masquerade|dnat|snat|redirect|vmap)\b")
_PROTOCOL = re.compile(r"\bmeta l4proto (?!\.)([a-z]\w*)|\b(tcp|udp|sctp) [ds]port\b")
_COUNTER = re.compile(r"counter packets (\d+) bytes (\d+)")
_HAIRPIN_ELEMENT = re.compile(r"^([\d.a-fA-F:]+) \. [\d.a-fA-F:]+ \. \w+ \. \d+$")
_AFFINITY_ELEMENT = re.compile(r"^([\d.a-fA-F:]{2,45}) .*?\bexpires ((?:\d{1,9}[a-z]{1,2})+)")


def rule_columns(spec: str) -> Row:
    """Return the columns of a rule or an element."""
    comment = _COMMENT.search(spec)
    bare = _COMMENT.sub("", spec) if comment else spec
    counter, target, protocol = _COUNTER.search(bare), _TARGET.search(bare), _PROTOCOL.search(bare)
    destination = _DESTINATION.search(bare)
    return {
        "protocol": (protocol[1] or protocol[2]) if protocol else None,
        "source": _source(bare),
        "destination": _negated(destination[1], destination[2]) if destination else None,
        "target": (target[1] or target[2]) if target else None,
        "comment": comment[1] if comment else None,
        "packet_count": parse_counter(counter[1]) if counter else None,
        "byte_count": parse_counter(counter[2]) if counter else None,
        "spec": spec,
    }


def _source(spec: str) -> str | None:
    """Return the sources that a rule matches, or the source of an element of the hairpin set."""
    if source := _SOURCE.search(spec):
        return _negated(source[1], (source[2] or source[3]).replace(", ", ","))
    element = _HAIRPIN_ELEMENT.match(spec)
    return element[1] if element else None


def _negated(operator: str | None, value: str) -> str:
    return f"!{value}" if operator else value


def parsed_listing(rows: list[Row], rejects: list[Reject], *, is_cut: bool) -> Parsed:
    """Return the content of a listing; `is_cut` is whether the text ends early.

    Chains without a single rule are a list of names. As rules they would accept every packet, so they are left out.
    """
    if not rows:
        return Parsed({}, rejects, [], len(rejects))
    if not any(row["rule_number"] for row in rows):
        return Parsed({}, rejects, [_NAMES_ONLY], len(rejects))
    rules = mark_incomplete(frame("rules", rows), is_cut=is_cut, rejects=rejects)
    tables = {"rules": rules}
    if clients := [*_recent_clients(rows)]:
        tables["recent_clients"] = frame("recent_clients", clients)
    return Parsed(tables, rejects, nft_findings(rules), len(rules) + len(rejects))


def _recent_clients(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield a row for each affinity set of kube-proxy, and one for each client in it."""
    for row in rows:
        chain, element = str(row["chain"]), _AFFINITY_ELEMENT.match(str(row["spec"]))
        if chain.startswith("@affinity-") and (element or not row["rule_number"]):
            client: Row = {"ip": element[1], "expires_s": seconds(element[2])} if element else {}
            yield {"list_name": chain[1:], "line_number": row["line_number"]} | client


_NAMES_ONLY = Finding.declared("no-rules", "the listing names chains and shows no rule", "dump with `nft list ruleset`")
