"""Family, table and rule number of rows from iptables-save, which depend on the lines before them."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from pipeline.rules.dumps.chain_index import KEY, runs_of_equal_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from pipeline.formats.rule_dumps.iptables_sections import Section


def assign_sections(rows: pl.DataFrame, starts: Sequence[int]) -> pl.DataFrame:
    """Return the rows in order, each with the number of its section; section i starts at the position `starts[i]`."""
    import polars as pl

    sections = pl.DataFrame({"position": starts}, schema={"position": pl.UInt32}).with_row_index("section")
    return rows.sort("position").join_asof(sections, on="position").drop("position")


def add_to_sections(rows: pl.DataFrame, sections: Sequence[Section]) -> None:
    """Note in each section whether it has IPv6 addresses; if no line names its table, also its chains and targets."""
    import polars as pl

    has_ipv6 = pl.any_horizontal(pl.col("source", "destination").str.contains(":", literal=True))
    for section in rows.select(pl.col("section").filter(has_ipv6).unique()).to_series():
        sections[section].has_ipv6 = True
    if unnamed := [i for i, section in enumerate(sections) if not section.table]:
        targets = rows.select("section", "chain", target=pl.when("is_rule").then("target"))
        for section, chain, target in targets.filter(pl.col("section").is_in(unnamed)).unique().iter_rows():
            sections[section].add(chain, target or "")


def number_rules(blocks: Sequence[pl.DataFrame], sections: Sequence[Section]) -> pl.DataFrame:
    """Return all rows with family, table and rule number.

    It works on one block of lines at a time, because copies of whole text columns take much memory.
    """
    import polars as pl

    by_section = [(i, "ip6" if s.has_ipv6 else s.family or "ip", s.table) for i, s in enumerate(sections)]
    by_chain = [(i, c, s.table_of(c)) for i, s in enumerate(sections) if not s.table for c in s.targets]
    tables = _frame(by_section, "family", "table_name"), _frame(by_chain, "chain", "chain_table")
    blocks = [block.hstack(_family_and_table(block, *tables)) for block in blocks]
    numbered = (block.hstack([numbers]) for block, numbers in zip(blocks, _rule_numbers(blocks), strict=True))
    return pl.concat(block.drop("section", "is_rule") for block in numbered)


def _family_and_table(block: pl.DataFrame, by_section: pl.DataFrame, by_chain: pl.DataFrame) -> pl.DataFrame:
    """Return family and table of each row: by its section; if no line names the section's table, by the chain."""
    import polars as pl

    keys = block.select("section", "chain").join(by_section, on="section", how="left", maintain_order="left")
    if len(by_chain):
        keys = keys.join(by_chain, on=["section", "chain"], how="left", maintain_order="left")
        keys = keys.with_columns(table_name=pl.coalesce("table_name", "chain_table"))
    return keys.select("family", "table_name")


def _rule_numbers(blocks: Sequence[pl.DataFrame]) -> Iterator[pl.Series]:
    """Yield for each block the rules' numbers in their chains, from 1; 0 for declarations."""
    import polars as pl

    runs = [runs_of_equal_keys(block.filter("is_rule").select(KEY)) for block in blocks]
    all_runs, ends = _first_numbers(pl.concat(runs)), accumulate(map(len, runs))
    for block, block_runs, end in zip(blocks, runs, ends, strict=True):
        own = all_runs.slice(end - len(block_runs), len(block_runs))
        numbers = own.select(pl.int_ranges("first", pl.col("first") + pl.col("count"), dtype=pl.Int32).explode())
        zeros = pl.zeros(len(block), pl.Int32, eager=True).alias("rule_number")
        yield zeros.scatter(block["is_rule"].arg_true(), numbers.to_series())


def _first_numbers(runs: pl.DataFrame) -> pl.DataFrame:
    """Return for each run of consecutive rules of a chain its number of rules, and the rule number of its first."""
    import polars as pl

    is_repeated = runs["chain"].is_duplicated()  # few chains are, and only their runs have rules before them
    rules_before = (pl.col("count").cum_sum() - pl.col("count")).over(KEY)
    repeated_first = runs.filter(is_repeated).select(rules_before + 1).to_series()
    first = pl.ones(len(runs), pl.Int64, eager=True).alias("first").scatter(is_repeated.arg_true(), repeated_first)
    return runs.select("count", first)


def _frame(rows: Sequence[tuple[object, ...]], *names: str) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(rows, schema={"section": pl.UInt32} | dict.fromkeys(names, pl.String), orient="row")
