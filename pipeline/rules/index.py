"""Where the rules of each chain stand in a table of rules, found without reading a rule."""

from __future__ import annotations

from array import array
from collections import defaultdict
from itertools import chain as chained
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

KEY = ("family", "table_name", "chain")


_PIECE = 1 << 15  # rows compared at once: columns in chunks are copied to compare them with themselves


def stretches(keys: pl.DataFrame) -> pl.DataFrame:
    """Rows alike that stand together, as rules of one chain do: their keys, where they start, how many they are."""
    import polars as pl

    opens = [_opens(keys, i) for i in range(0, len(keys), _PIECE)] or [pl.Series(dtype=pl.Boolean)]
    starts = pl.concat(opens).arg_true().cast(pl.Int64)
    found = pl.concat(keys.slice(i * _PIECE, _PIECE).filter(mask) for i, mask in enumerate(opens))
    return found.with_columns(start=starts, count=starts.shift(-1, fill_value=len(keys)) - starts)


def _opens(keys: pl.DataFrame, at: int) -> pl.Series:
    """Which of the rows from `at` on differ from the row before."""
    import polars as pl

    rows = keys.slice(max(at - 1, 0), _PIECE + min(at, 1))
    differs = pl.select(pl.any_horizontal([column[1:].ne_missing(column[:-1]) for column in rows])).to_series()
    return differs if at else pl.concat([pl.Series([True]), differs])


class Index:
    """The chains of each table: for each the rows that declare it, and those of its rules, in order."""

    def __init__(self, rows: pl.DataFrame) -> None:
        """Of columns `row`, those of KEY, and rule_number, which is 0 where a chain is declared."""
        import polars as pl

        whole = range(len(rows))
        self._rows: Sequence[int] = whole if rows["row"].equals(pl.Series(whole)) else array("I", rows["row"])
        found = stretches(rows.select(*KEY, declares=pl.col("rule_number").eq_missing(0)))
        self._starts, self._counts = array("I", found["start"]), array("I", found["count"])
        self._chains = defaultdict[tuple[str, str], dict[str, int]](dict)
        self._declared, self._scattered = dict[tuple[str, str], pl.DataFrame](), dict[tuple[str, str, str], list[int]]()
        found = found.select(*KEY, "declares").with_row_index("i")
        for (family, table), part in found.group_by(*KEY[:2], maintain_order=True):
            self._take(str(family), str(table), part.select("chain", "declares", "i"))

    def _take(self, family: str, table: str, found: pl.DataFrame) -> None:
        """Note the stretches of one table: of columns `chain`, `declares` and `i`, its place among all stretches."""
        self._declared[family, table] = declared = found.filter("declares")
        rules = found.filter(~found["declares"])
        self._chains[family, table] = dict.fromkeys(declared["chain"], -1)
        self._chains[family, table] |= zip(rules["chain"], rules["i"], strict=True)
        for chain, _, i in rules.filter(rules["chain"].is_duplicated()).iter_rows():
            self._scattered.setdefault((family, table, chain), []).append(i)

    @property
    def tables(self) -> Mapping[tuple[str, str], Iterable[str]]:
        """The names of chains, by family and table."""
        return self._chains

    def rules(self, family: str, table: str, chain: str) -> Sequence[int] | None:
        """The rows of a chain's rules; None if the chain is not there."""
        i = self._chains.get((family, table), {}).get(chain)
        if i is None:
            return None
        if several := self._scattered.get((family, table, chain)):
            return list(chained.from_iterable(map(self._stretch, several)))
        return self._stretch(i) if i >= 0 else ()

    def _stretch(self, i: int) -> Sequence[int]:
        return self._rows[self._starts[i] : self._starts[i] + self._counts[i]]

    def declaration(self, family: str, table: str, chain: str) -> int | None:
        """The row that declares a chain, the last one if several do."""
        import polars as pl

        declared = self._declared.get((family, table))
        if declared is None or (found := declared.filter(pl.col("chain") == chain)).is_empty():
            return None
        return self._stretch(found["i"][-1])[-1]
