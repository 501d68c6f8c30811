"""Columns of `rules` from lines in iptables-save's grammar: the target, comment, protocol, addresses and counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipeline.formats.rule_dumps.counters import parse_counters
from pipeline.formats.rule_dumps.iptables_save_vectorised import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

_APPENDED = r"^(?:\[\d+:\d+\] )?-A ([^\s$*<>{}…]+)(?: |$)"
_COUNTERS_BEFORE = r"^\[(\d+):(\d+)\] -A "
_COUNTERS_OPTION = r" -c (\d+) (\d+)(?:\s|$)"
_QUOTED = r'"(?:[^"\\]|\\.)*"?'
_COMMENT = r' --comment\s+("(?:[^"\\]|\\.)*|\S+)'
_OPTIONS = {
    "protocol": "-p|--protocol|--proto",
    "source": "-s|--source|--src|--src-range",
    "destination": "-d|--destination|--dst|--dst-range",
}


class Line(NamedTuple):
    """A line that is a rule (`policy` None) or declares a chain; `position` counts all lines that were read."""

    position: int
    line_number: int
    text: str
    chain: str
    spec: str
    policy: str | None = None
    packets: str | None = None
    bytes: str | None = None


def lines_frame(lines: Sequence[Line]) -> pl.DataFrame:
    """Return lines that were read one by one, as `split_appended` returns those that it reads at once."""
    import polars as pl

    types = {"position": pl.UInt32, "line_number": pl.Int64}
    schema = {name: types.get(name, pl.String) for name in Line._fields}
    return pl.DataFrame(lines, schema=schema, orient="row")


def split_appended(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (lines `-A CHAIN ...`, with or without counters, with the columns of `Line`; the other lines)."""
    import polars as pl

    text = pl.col("text")
    matched = lines.with_columns(chain=text.str.extract(_APPENDED))
    packets, octets = (text.str.extract(_COUNTERS_BEFORE, i) for i in (1, 2))
    rules = matched.filter(pl.col("chain").is_not_null())
    rules = rules.with_columns(policy=pl.lit(None, pl.String), packets=packets, bytes=octets)
    counter_length = pl.sum_horizontal(pl.col("packets", "bytes").str.len_chars() + 2)  # [p:b] and a blank
    rules = rules.with_columns(spec=text.str.slice(pl.col("chain").str.len_chars() + counter_length + 4))
    return rules.select(Line._fields), matched.filter(pl.col("chain").is_null()).select(lines.columns)


def parse_columns(lines: pl.DataFrame) -> pl.DataFrame:
    """Return lines with the fields of `Line` as COLUMNS: options are looked up in `spec` outside of quotes."""
    import polars as pl

    spaced, unquoted = pl.col("spaced"), pl.col("unquoted")
    has_quote = spaced.str.contains('"', literal=True)
    counts = {
        f"{name}_count": parse_counters(pl.coalesce(f"{name}s", unquoted.str.extract(_COUNTERS_OPTION, i)))
        for i, name in ((1, "packet"), (2, "byte"))
    }
    lines = lines.with_columns(spaced=pl.concat_str(pl.lit(" "), "spec"))
    lines = lines.with_columns(unquoted=pl.when(has_quote).then(spaced.str.replace_all(_QUOTED, "")).otherwise(spaced))
    rows = lines.with_columns(
        is_rule=pl.col("policy").is_null(),
        target=pl.coalesce("policy", unquoted.str.extract(r" (?:-j|-g|--jump|--goto)\s+(\S+)")),
        comment=spaced.str.extract(_COMMENT).str.strip_prefix('"').str.replace_all(r"\\(.)", "$1"),
        **{column: _option_value(names) for column, names in _OPTIONS.items()},
        **counts,
    )
    return rows.select(COLUMNS)


def _option_value(names: str) -> pl.Expr:
    """Return the value of an option, after `!` if it is negated; old releases wrote the `!` after the option."""
    import polars as pl

    option = pl.col("unquoted").str.extract(rf" ((?:!\s+)?(?:{names})\s+(?:!\s+)?\S+)")
    return option.str.replace_all(r"--?[a-z-]+\s|\s", "")
