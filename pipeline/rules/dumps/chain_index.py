"""The rows of each chain in a table of rules, without compiling a rule.

Example: rows 4 to 9 are the rules of KUBE-SERVICES in the nat table, and row 2 declares the chain.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import chain as chained
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import polars as pl

KEY = ("family", "table_name", "chain")
_ROWS_AT_ONCE = 1 << 15  # polars copies chunked columns to compare them, so this bounds the memory


def runs_of_equal_keys(keys: pl.DataFrame) -> pl.DataFrame:
    """Runs of successive rows with equal keys, as the rules of one chain are: key, first row (`start`) and `count`."""
    import polars as pl

    is_first = [_starts_run(keys, i) for i in range(0, len(keys), _ROWS_AT_ONCE)] or [pl.Series(dtype=pl.Boolean)]
    starts = pl.concat(is_first).arg_true().cast(pl.Int64)
    runs = pl.concat(keys.slice(i * _ROWS_AT_ONCE, _ROWS_AT_ONCE).filter(mask) for i, mask in enumerate(is_first))
    return runs.with_columns(start=starts, count=starts.shift(-1, fill_value=len(keys)) - starts)


def _starts_run(keys: pl.DataFrame, at: int) -> pl.Series:
    """Whether each of the rows from `at` on differs from the row before it."""
    import polars as pl

    rows = keys.slice(max(at - 1, 0), _ROWS_AT_ONCE + min(at, 1))
    differs = pl.select(pl.any_horizontal([column[1:].ne_missing(column[:-1]) for column in rows])).to_series()
    return differs if at else pl.concat([pl.Series([True]), differs])


class ChainIndex:
    """The rows of each chain: those of its rules, in order, and those that declare it.

    A chain's runs of rows are looked up by the hash of its name in a sorted array: a dict is four times as large.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        """From the columns `row`, KEY and rule_number, which is 0 in a row that declares a chain."""
        import polars as pl

        every_row = range(len(rows))
        self._rows: Sequence[int] = every_row if rows["row"].equals(pl.Series(every_row)) else array("I", rows["row"])
        runs = runs_of_equal_keys(rows.select(*KEY, declares=pl.col("rule_number").eq_missing(0)))
        self._starts, self._counts = array("I", runs["start"]), array("I", runs["count"])
        self._declares, self._names = bytes(runs["declares"]), runs["chain"].rechunk()
        self._tables: dict[tuple[str, str], tuple[Sequence[int], Sequence[int]]] = {}
        tables = runs.select(*KEY[:2])
        for family, table in tables.unique(maintain_order=True).iter_rows():
            in_table = pl.col("family").eq_missing(pl.lit(family)) & pl.col("table_name").eq_missing(pl.lit(table))
            numbers = tables.select(in_table.arg_true()).to_series()
            self._tables[str(family), str(table)] = _by_hash(self._names, numbers)

    @property
    def tables(self) -> Collection[tuple[str, str]]:
        """Family and name of each table."""
        return self._tables.keys()

    def rules(self, family: str, table: str, chain: str) -> Sequence[int] | None:
        """The rows of a chain's rules; None if the table has no such chain."""
        runs = self._runs(family, table, chain)
        rules = [self._rows_of(i) for i in runs if not self._declares[i]]
        if len(rules) == 1:
            return rules[0]
        return list(chained.from_iterable(rules)) if runs else None

    def declaration(self, family: str, table: str, chain: str) -> int | None:
        """The last row that declares a chain; None if there is none."""
        declaring = [i for i in self._runs(family, table, chain) if self._declares[i]]
        return self._rows_of(declaring[-1])[-1] if declaring else None

    def _runs(self, family: str, table: str, chain: str) -> list[int]:
        """The numbers of a chain's runs of rows, in order."""
        if (family, table) not in self._tables:
            return []
        hashes, numbers = self._tables[family, table]
        first = last = bisect_left(hashes, hash(chain))
        while last < len(hashes) and hashes[last] == hash(chain):
            last += 1
        return [i for i in numbers[first:last] if self._names[i] == chain]

    def _rows_of(self, run: int) -> Sequence[int]:
        return self._rows[self._starts[run] : self._starts[run] + self._counts[run]]


def _by_hash(names: pl.Series, numbers: pl.Series) -> tuple[Sequence[int], Sequence[int]]:
    """The sorted hashes of the names with these numbers, and the numbers in the same order (stable)."""
    import numpy as np

    hashes = np.fromiter(map(hash, names.gather(numbers)), np.int64, len(numbers))
    order = hashes.argsort(kind="stable")
    return array("q", hashes[order].tobytes()), array("I", numbers.to_numpy()[order].tobytes())
