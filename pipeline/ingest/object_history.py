"""The cluster's objects from several listings as one account: each object once, each address with the time it was held.

A listing is later than another where it holds a newer version of anything. Of one object the latest listing's word
stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

# What tells objects of a table apart, last what a text table does not say.
_IDENTITY = {
    "services": ("service", "valid_from_us"),
    "service_ports": ("service", "protocol", "ip", "port", "kind", "valid_from_us"),
    "endpoints": ("service", "ip", "port", "protocol", "pod"),
    "pods": ("pod", "ip", "valid_from_us"),
    "nodes": ("node", "valid_from_us"),
}
_MAY_LACK = {"endpoints": {"protocol", "pod"}}
# Of one of these names there is one object at a time.
_NAMES = {"services": "service", "pods": "pod", "nodes": "node"}


def merge_listings(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of all listings, in the order of their files, as one account; of other tables equal rows once."""
    if table not in _IDENTITY:
        return rows.unique(maintain_order=True)
    identity = _IDENTITY[table]
    rows = rows.sort("listing_version", nulls_last=False, maintain_order=True)
    for place, column in enumerate(identity):
        if column in _MAY_LACK.get(table, {"valid_from_us"}):
            rows = _without_vaguer(rows, column, identity[:place])
    rows = rows.unique(identity, keep="last", maintain_order=True)
    if table in _NAMES:
        rows = _succeeded(rows, _NAMES[table])
    return _taken_over(rows) if table == "pods" else rows


def _without_vaguer(rows: pl.DataFrame, column: str, before: Sequence[str]) -> pl.DataFrame:
    """Leave out rows that do not say `column` where one that is the same in the columns `before` does."""
    import polars as pl

    says = rows.filter(pl.col(column).is_not_null()).select(*before, says=pl.lit(value=True)).unique()
    marked = rows.join(says, on=list(before), how="left", nulls_equal=True, maintain_order="left")
    return marked.filter(pl.col(column).is_not_null() | pl.col("says").is_null()).drop("says")


def _succeeded(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """An object ends at the latest when the next one of its name begins."""
    import polars as pl

    begins = rows.select(name, "valid_from_us").drop_nulls().unique().sort(name, "valid_from_us")
    begins = begins.with_columns(next_us=pl.col("valid_from_us").shift(-1).over(name))
    ended = rows.join(begins, on=[name, "valid_from_us"], how="left", maintain_order="left")
    return ended.with_columns(valid_to_us=pl.min_horizontal("valid_to_us", "next_us")).drop("next_us")


def _taken_over(rows: pl.DataFrame) -> pl.DataFrame:
    """A pod that a later listing lacks ended at the latest when a pod of that listing took its address."""
    import polars as pl

    own = rows.with_row_index("row").filter(~pl.col("host_network").fill_null(value=False))
    later = own.select("ip", pod_then="pod", taken_us="valid_from_us", version_then="listing_version")
    over = own.join(later, on="ip").filter(
        (pl.col("pod_then") != pl.col("pod"))
        & (pl.col("taken_us") > pl.col("valid_from_us"))
        & (pl.col("version_then") > pl.col("listing_version"))
    )
    ends = over.group_by("row").agg(pl.col("taken_us").min())
    ended = rows.with_row_index("row").join(ends, on="row", how="left", maintain_order="left")
    return ended.with_columns(valid_to_us=pl.min_horizontal("valid_to_us", "taken_us")).drop("row", "taken_us")
