"""Where the rules of each chain stand in a table of rules, found without reading a rule."""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

KEY = ("family", "table_name", "chain")


class Index:
    """The chains of each table: for each the rows that declare it, and those of its rules, in order."""

    def __init__(self, rows: pl.DataFrame) -> None:
        """Of columns `row`, those of KEY, and rule_number, which is 0 where a chain is declared."""
        import polars as pl

        order = rows.select(pl.col("rule_number").ne_missing(0), pl.col(KEY).rank("dense")).with_row_index("at")
        order = order.sort(*KEY, "rule_number", maintain_order=True)
        opens = pl.any_horizontal(pl.col(KEY).ne_missing(pl.col(KEY).shift(fill_value=0)))
        rules = pl.col("rule_number").cum_sum() - pl.col("rule_number")
        firsts = order.select("at", opens=opens, rules=rules).with_row_index("start").filter("opens")
        self._starts = array("I", [*firsts["start"], len(rows)])
        self._rules_before = array("I", [*firsts["rules"], int(order["rule_number"].sum())])
        self._rows = array("I", rows["row"].gather(order["at"]).to_list())
        self._chains: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for i, (family, table, chain) in enumerate(rows.select(KEY)[firsts["at"]].iter_rows()):
            self._chains[family, table][chain] = i

    @property
    def tables(self) -> Mapping[tuple[str, str], Iterable[str]]:
        """The names of chains, by family and table."""
        return self._chains

    def rules(self, family: str, table: str, chain: str) -> Sequence[int] | None:
        """The rows of a chain's rules; None if the chain is not there."""
        i = self._chains.get((family, table), {}).get(chain)
        if i is None:
            return None
        count = self._rules_before[i + 1] - self._rules_before[i]
        return self._rows[self._starts[i + 1] - count : self._starts[i + 1]]

    def declaration(self, family: str, table: str, chain: str) -> int | None:
        """The row that declares a chain, the last one if several do."""
        i = self._chains.get((family, table), {}).get(chain)
        if i is None:
            return None
        declared = self._rows[self._starts[i] : self._starts[i + 1] - self._rules_before[i + 1] + self._rules_before[i]]
        return declared[-1] if declared else None
