"""Packet and byte counters of rules, as numbers that a BIGINT column can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_LARGEST = 2**63 - 1
_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}


def parse_counter(text: str) -> int:
    """Return a printed counter such as `1204` or `12K`; one that is too large becomes the largest BIGINT."""
    digits = text.rstrip("KMGTP")
    return min(int(digits) * _UNITS.get(text[len(digits) :], 1), _LARGEST) if len(digits) < 20 else _LARGEST


def parse_counters(digits: pl.Expr) -> pl.Expr:
    """Return a column of digits as integers; one that is too large becomes the largest BIGINT."""
    import polars as pl

    too_large = pl.when(digits.is_not_null()).then(pl.lit(_LARGEST))
    return digits.cast(pl.Int64, strict=False).fill_null(too_large)
