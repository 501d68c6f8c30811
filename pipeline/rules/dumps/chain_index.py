"""Where the rules of each chain stand in a table of rules, found without reading a rule."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import chain as chained
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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


class ChainIndex:
    """The chains of each table: for each the rows that declare it, and those of its rules, in order.

    Stretches of rows are found by their chain's hash among sorted ones: a dict of all names is four times as large.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        """Of columns `row`, those of KEY, and rule_number, which is 0 where a chain is declared."""
        import polars as pl

        whole = range(len(rows))
        self._rows: Sequence[int] = whole if rows["row"].equals(pl.Series(whole)) else array("I", rows["row"])
        found = stretches(rows.select(*KEY, declares=pl.col("rule_number").eq_missing(0)))
        self._starts, self._counts = array("I", found["start"]), array("I", found["count"])
        self._declares, self._names = bytes(found["declares"]), found["chain"].rechunk()
        self._tables: dict[tuple[str, str], tuple[Sequence[int], Sequence[int]]] = {}
        found = found.select(*KEY[:2])
        for family, table in found.unique(maintain_order=True).iter_rows():
            here = pl.col("family").eq_missing(pl.lit(family)) & pl.col("table_name").eq_missing(pl.lit(table))
            self._tables[str(family), str(table)] = _by_hash(self._names, found.select(here.arg_true()).to_series())

    @property
    def tables(self) -> Collection[tuple[str, str]]:
        """Family and name of each table."""
        return self._tables.keys()

    def rules(self, family: str, table: str, chain: str) -> Sequence[int] | None:
        """The rows of a chain's rules; None if the chain is not there."""
        found = self._stretches(family, table, chain)
        rules = [self._rows_of(i) for i in found if not self._declares[i]]
        if len(rules) == 1:
            return rules[0]
        return list(chained.from_iterable(rules)) if found else None

    def declaration(self, family: str, table: str, chain: str) -> int | None:
        """The row that declares a chain, the last one if several do."""
        declaring = [i for i in self._stretches(family, table, chain) if self._declares[i]]
        return self._rows_of(declaring[-1])[-1] if declaring else None

    def _stretches(self, family: str, table: str, chain: str) -> list[int]:
        """The numbers of a chain's stretches, in order."""
        if (family, table) not in self._tables:
            return []
        hashes, numbers = self._tables[family, table]
        first = last = bisect_left(hashes, hash(chain))
        while last < len(hashes) and hashes[last] == hash(chain):
            last += 1
        return [i for i in numbers[first:last] if self._names[i] == chain]

    def _rows_of(self, stretch: int) -> Sequence[int]:
        return self._rows[self._starts[stretch] : self._starts[stretch] + self._counts[stretch]]


def _by_hash(names: pl.Series, numbers: pl.Series) -> tuple[Sequence[int], Sequence[int]]:
    """The hashes of the names of these numbers, in order, and the numbers in the same order; of equal ones as given."""
    import numpy as np

    hashes = np.fromiter(map(hash, names.gather(numbers)), np.int64, len(numbers))
    order = hashes.argsort(kind="stable")
    return array("q", hashes[order].tobytes()), array("I", numbers.to_numpy()[order].tobytes())
