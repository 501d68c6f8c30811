"""Merges several kubectl listings into one history: each object once, with the time during which it had its address.

A listing is later than another if it contains a newer version of any object. The latest listing of an object counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

# The columns that identify an object; the last ones are missing from kubectl's text tables.
_IDENTITY = {
    "services": ("service", "valid_from_us"),
    "service_ports": ("service", "protocol", "ip", "port", "kind", "valid_from_us"),
    "endpoints": ("service", "ip", "port", "protocol", "pod"),
    "pods": ("pod", "ip", "valid_from_us"),
    "nodes": ("node", "valid_from_us"),
}
_MAY_LACK = {"endpoints": {"protocol", "pod"}}
# At any time there is one object of a name.
_NAMES = {"services": "service", "pods": "pod", "nodes": "node"}


def merge_listings(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of all listings in the order of their files: each object once; other tables: equal rows once."""
    if table not in _IDENTITY:
        return rows.unique(maintain_order=True)
    identity = _IDENTITY[table]
    rows = rows.sort("listing_version", nulls_last=False, maintain_order=True)
    for index, column in enumerate(identity):
        if column in _MAY_LACK.get(table, {"valid_from_us"}):
            rows = _without_less_specific(rows, column, identity[:index])
    rows = rows.unique(identity, keep="last", maintain_order=True)
    if table in _NAMES:
        rows = _end_at_successor(rows, _NAMES[table])
    return _end_at_reuse_of_address(rows) if table == "pods" else rows


def _without_less_specific(rows: pl.DataFrame, column: str, same: Sequence[str]) -> pl.DataFrame:
    """Leave out rows without `column` if a row with it is equal in the columns `same`."""
    import polars as pl

    specific = rows.filter(pl.col(column).is_not_null()).select(*same, has_specific=pl.lit(value=True)).unique()
    joined = rows.join(specific, on=list(same), how="left", nulls_equal=True, maintain_order="left")
    return joined.filter(pl.col(column).is_not_null() | pl.col("has_specific").is_null()).drop("has_specific")


def _end_at_successor(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """An object ends at the latest when the next object of its name begins."""
    import polars as pl

    begins = rows.select(name, "valid_from_us").drop_nulls().unique().sort(name, "valid_from_us")
    begins = begins.with_columns(next_us=pl.col("valid_from_us").shift(-1).over(name))
    ended = rows.join(begins, on=[name, "valid_from_us"], how="left", maintain_order="left")
    return ended.with_columns(valid_to_us=pl.min_horizontal("valid_to_us", "next_us")).drop("next_us")


def _end_at_reuse_of_address(rows: pl.DataFrame) -> pl.DataFrame:
    """A pod ends at the latest when a pod of a later listing gets its address."""
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
