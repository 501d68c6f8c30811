"""The rules of many nodes: those that are equal are read and compiled once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.dumps.ruleset import RuleSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl


def by_node(dumps: Iterable[tuple[str, pl.DataFrame]]) -> dict[str, RuleSet]:
    """The rules of each node, from its rows of the table `rules`; nodes with the same rules share them."""
    found: dict[str, RuleSet] = {}
    distinct: list[RuleSet] = []
    for node, rows in dumps:
        twin = next((twin for rules in distinct if (twin := rules.like(rows))), None)
        found[node] = twin or RuleSet(rows)
        distinct += [] if twin else [found[node]]
    return found
