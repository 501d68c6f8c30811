"""Compiles the rules of one node: picks the grammar that a rule's text is written in, and resolves the sets it names.

Example: row 17 with the spec `-s 10.100.0.9/32 -j KUBE-MARK-MASQ` becomes
`Rule(17, (Source(...),), Jump("KUBE-MARK-MASQ"))`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.grammar import ipsets, iptables, kube_proxy_rules, nft
from pipeline.rules.grammar.nft_sets import Elements
from pipeline.rules.model.matches import UnknownMatch, without_negation
from pipeline.rules.model.targets import UnknownTarget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from pipeline.rules.dumps.chain_index import ChainIndex
    from pipeline.rules.model.rule import Rule


class RuleCompiler:
    """Compiles rows of the table `rules`."""

    def __init__(self, columns: Mapping[str, pl.Series], specs: pl.Series, index: ChainIndex) -> None:
        """From the columns `file` and `line_number`, the column `spec` without NULL, and the index of the rows."""
        self.specs = specs
        self._files, self._line_numbers = columns["file"], columns["line_number"]
        self._index = index

    def rules(self, rows: Sequence[int], family: str, table: str) -> list[Rule]:
        """The rules of these rows."""
        specs = self.specs.slice(rows.start, len(rows)) if isinstance(rows, range) else self.specs.gather(list(rows))
        return [
            kube_proxy_rules.compile_rule(row, spec) or self.rule(row, family, table)
            for row, spec in zip(rows, specs.to_list(), strict=True)
        ]

    def rule(self, row: int, family: str, table: str) -> Rule:
        """One rule; iptables' options start with a dash, nft's statements do not."""
        spec = self.specs[row]
        if not spec or spec[0] in "-!":
            return self._with_location(iptables.compile_rule(row, spec, self._ip_set))
        return self._with_location(nft.compile_rule(row, spec, lambda name: self.elements(family, table, name)))

    def _with_location(self, rule: Rule) -> Rule:
        """The rule with file and line in its open questions: two questions with equal text may have two answers."""
        unknown = any(isinstance(without_negation(step), UnknownMatch) for step in rule.steps)
        if not unknown and not isinstance(rule.target, UnknownTarget):
            return rule
        return rule.with_location(f"{self._files[rule.row]}:{self._line_numbers[rule.row]}")

    def elements(self, family: str, table: str, name: str) -> Elements | None:
        """An nft set or map; None if the dump does not show it."""
        rows = self._index.rules(family, table, f"@{name}")
        if rows is None:
            return None
        declaration = self._index.declaration(family, table, f"@{name}")
        spec = "" if declaration is None else self.specs[declaration]
        return Elements(spec, [(row, self.specs[row]) for row in rows])

    def _ip_set(self, name: str) -> Elements | None:
        """An ipset; the iptables rules of both families may use it."""
        sets = (self.elements(family, ipsets.TABLE, name) for family in ("ip", "ip6"))
        return next((elements for elements in sets if elements is not None), None)
