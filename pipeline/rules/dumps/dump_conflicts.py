"""Finds where two dumps of one node differ: a trace that uses the differing chain or set is not certain.

Example: rules-a.txt sends KUBE-SVC-X to endpoint 1, rules-b.txt to endpoint 2. The first file is followed, and a trace
through the chain has the doubt `chain KUBE-SVC-X differs between rules-a.txt and rules-b.txt`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.grammar import ipsets
from pipeline.rules.grammar.nft_sets import element_key
from pipeline.rules.model.ip_ranges import number
from pipeline.rules.model.reasons import Reason
from pipeline.rules.model.rule import single_destination

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

    from pipeline.rules.dumps.chain_index import ChainIndex
    from pipeline.rules.dumps.rule_compiler import RuleCompiler
    from pipeline.rules.model.rule import Rule

AddressPort = tuple[int | None, int | None]  # destination address and port, None for any
_VOLATILE = re.compile(r"counter packets \d+ bytes \d+ ?|(?:^| )-c \d+ \d+(?= |$)| expires \S+")
_SET_NAME = re.compile(r"(?:@|--match-set )([\w.-]+)")
_ANY: AddressPort = (None, None)


@dataclass(frozen=True, slots=True)
class DumpConflict:
    """Two dumps show a chain, or a set that it uses, differently: the reason, and the destinations it affects."""

    reason: Reason
    destinations: frozenset[AddressPort]

    def affects(self, dst: int, port: int) -> bool:
        """Whether the differing rules could match this destination."""
        return not self.destinations.isdisjoint(((dst, port), (dst, None), (None, port), _ANY))


class DumpConflicts:
    """Compares the followed rules of one node with its other dumps."""

    def __init__(self, compiler: RuleCompiler, files: pl.Series, others: Mapping[str, ChainIndex]) -> None:
        """`files` has the file of each row; `others` has the chains that another file shows again, by file."""
        self._compiler = compiler
        self._files = files
        self._others = others

    def __bool__(self) -> bool:
        """Whether any other dump shows a chain again."""
        return bool(self._others)

    def of_chain(self, family: str, table: str, name: str, rows: Sequence[int]) -> Iterable[DumpConflict]:
        """How other dumps differ in a chain, apart from the order of its rules, and in the sets that it uses."""
        specs = self._compiler.specs
        followed = {_without_counters(specs[row]): row for row in rows}
        for file, index in self._others.items():
            other_rows = index.rules(family, table, name)
            if other_rows is None:
                continue
            other = {_without_counters(specs[row]): row for row in other_rows}
            if _same_grammar(followed, other):
                ours = self._effects((followed[spec] for spec in followed.keys() - other), family, table)
                theirs = self._effects((other[spec] for spec in other.keys() - followed), family, table)
                differing = [(ours | theirs)[key] for key in ours.keys() ^ theirs.keys()]
                yield from self._conflict(f"chain {name}", rows, file, map(single_destination, differing))
        for set_name in sorted({used for row in rows for used in _SET_NAME.findall(specs[row])}):
            yield from self._of_set(family, table, set_name)

    def _effects(self, rows: Iterable[int], family: str, table: str) -> dict[str, Rule]:
        """Rules by what they do, however they are written."""
        rules = (self._compiler.rule(row, family, table) for row in rows)
        return {repr((rule.steps, rule.target)): rule for rule in rules}

    def _of_set(self, family: str, table: str, name: str) -> Iterable[DumpConflict]:
        """How other dumps differ in an nft set or map, or an ipset; elements that packets add are not compared."""
        specs = self._compiler.specs
        for index_family, index_table in ((family, table), ("ip", ipsets.TABLE), ("ip6", ipsets.TABLE)):
            elements = self._compiler.elements(index_family, index_table, name)
            if elements is None or elements.dynamic:
                continue
            rows = [row for row, _ in elements.elements]
            followed = {_without_counters(specs[row]) for row in rows}
            for file, index in self._others.items():
                if (other_rows := index.rules(index_family, index_table, f"@{name}")) is not None:
                    differing = followed ^ {_without_counters(specs[row]) for row in other_rows}
                    yield from self._conflict(f"set {name}", rows, file, map(_element_destination, differing))

    def _conflict(
        self, name: str, rows: Sequence[int], file: str, differing: Iterable[AddressPort]
    ) -> Iterable[DumpConflict]:
        """The conflict over these destinations, if there are any."""
        if destinations := frozenset(differing):
            followed = self._files[rows[0]] if rows else "another dump"
            yield DumpConflict(Reason("dumps-differ", f"{name} differs between {followed} and {file}"), destinations)


def _without_counters(spec: str) -> str:
    """A rule or an element without what changes from dump to dump: counters and remaining lifetimes."""
    return _VOLATILE.sub("", spec).strip()


def _same_grammar(specs: Iterable[str], other: Iterable[str]) -> bool:
    """Whether rules are in one grammar: nft's view of iptables rules is incomplete, so the two cannot be compared."""
    return {spec[0] in "-!" for spec in specs if spec} == {spec[0] in "-!" for spec in other if spec}


def _element_destination(spec: str) -> AddressPort:
    """The destination in the key of an element of an nft set or map; None for a part that it does not have."""
    parts = element_key(spec).split(" . ")
    if len(parts) > 3:  # a hairpin set has the source first
        return _ANY
    try:
        address = number(parts[0])
    except ValueError:
        address = None
    return address, int(parts[-1]) if parts[-1].isdigit() else None
