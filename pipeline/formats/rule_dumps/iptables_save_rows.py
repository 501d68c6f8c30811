"""Rows of rules in iptables-save's grammar: plain lines by the column, what a rule says of itself, where it stands."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from pipeline.formats.rule_dumps.iptables_save_fast import COLUMNS
from pipeline.rules.dumps.chain_index import KEY, stretches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from pipeline.formats.rule_dumps.iptables_common import Section

_APPENDED = r"^(?:\[\d+:\d+\] )?-A ([^\s$*<>{}…]+)(?: |$)"
_COUNTED = r"^\[(\d+):(\d+)\] -A "
_QUOTED = r'"(?:[^"\\]|\\.)*"?'
_COMMENT = r' --comment\s+("(?:[^"\\]|\\.)*|\S+)'
_COUNTS = r" -c (\d+) (\d+)(?:\s|$)"
_OPTIONS = {
    "protocol": "-p|--protocol|--proto",
    "source": "-s|--source|--src|--src-range",
    "destination": "-d|--destination|--dst|--dst-range",
}
_BIGGEST = 2**63 - 1


class Line(NamedTuple):
    """A line that is a rule (`policy` None) or declares a chain; `place` counts all lines."""

    place: int
    line_number: int
    text: str
    chain: str
    spec: str
    policy: str | None = None
    packets: str | None = None
    bytes: str | None = None


def lines_frame(lines: Sequence[Line]) -> pl.DataFrame:
    """Lines as the columns that the readers by column make."""
    import polars as pl

    types = {"place": pl.UInt32, "line_number": pl.Int64}
    schema = {name: types.get(name, pl.String) for name in Line._fields}
    return pl.DataFrame(lines, schema=schema, orient="row")


def appended(whole: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows of lines `-A CHAIN ...`, with counters in front or without; the other lines), those that are as `Line`s."""
    import polars as pl

    text = pl.col("text")
    found = whole.with_columns(chain=text.str.extract(_APPENDED))
    counts = [text.str.extract(_COUNTED, i) for i in (1, 2)]
    rules = found.filter(pl.col("chain").is_not_null())
    rules = rules.with_columns(policy=pl.lit(None, pl.String), packets=counts[0], bytes=counts[1])
    counter = pl.sum_horizontal(pl.col("packets", "bytes").str.len_chars() + 2)  # [p:b] and a blank
    rules = rules.with_columns(spec=text.str.slice(pl.col("chain").str.len_chars() + counter + 4))
    return rules.select(Line._fields), found.filter(pl.col("chain").is_null()).select(whole.columns)


def in_sections(rows: pl.DataFrame, starts: Sequence[int]) -> pl.DataFrame:
    """The rows in order, each with its section; section i begins at the place `starts[i]`."""
    import polars as pl

    begins = pl.DataFrame({"place": starts}, schema={"place": pl.UInt32}).with_row_index("section")
    return rows.sort("place").join_asof(begins, on="place").drop("place")


def with_words(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with columns for what `spec` says; what stands in quotes is a comment's or a prefix's."""
    import polars as pl

    spaced, bare = pl.col("spaced"), pl.col("bare")
    unquoted = (
        pl.when(spaced.str.contains('"', literal=True)).then(spaced.str.replace_all(_QUOTED, "")).otherwise(spaced)
    )
    counts = {
        f"{name}_count": _counter(pl.coalesce(f"{name}s", bare.str.extract(_COUNTS, i)))
        for i, name in ((1, "packet"), (2, "byte"))
    }
    rows = rows.with_columns(spaced=pl.concat_str(pl.lit(" "), "spec")).with_columns(bare=unquoted)
    rows = rows.with_columns(
        is_rule=pl.col("policy").is_null(),
        target=pl.coalesce("policy", bare.str.extract(r" (?:-j|-g|--jump|--goto)\s+(\S+)")),
        comment=spaced.str.extract(_COMMENT).str.strip_prefix('"').str.replace_all(r"\\(.)", "$1"),
        **{column: _value(options) for column, options in _OPTIONS.items()},
        **counts,
    )
    return rows.select(COLUMNS)


def _value(options: str) -> pl.Expr:
    """The value of an option, `!` in front where it is negated; old releases wrote the `!` after the option."""
    import polars as pl

    found = pl.col("bare").str.extract(rf" ((?:!\s+)?(?:{options})\s+(?:!\s+)?\S+)")
    return found.str.replace_all(r"--?[a-z-]+\s|\s", "")


def _counter(digits: pl.Expr) -> pl.Expr:
    """A number of any length; beyond what a column holds, the biggest that it does."""
    import polars as pl

    return digits.cast(pl.Int64, strict=False).fill_null(pl.when(digits.is_not_null()).then(pl.lit(_BIGGEST)))


def note(rows: pl.DataFrame, sections: Sequence[Section]) -> None:
    """Tell sections what is in them: IPv6 addresses, and chains where no line names the table."""
    import polars as pl

    said = rows.select("section", "chain", "source", "destination", target=pl.when("is_rule").then("target"))
    v6 = pl.any_horizontal(pl.col("source", "destination").str.contains(":", literal=True))
    for section in said.filter(v6)["section"].unique():
        sections[section].v6 = True
    if untold := [i for i, section in enumerate(sections) if not section.table]:
        seen = said.filter(pl.col("section").is_in(untold)).select("section", "chain", "target").unique()
        for section, chain, target in seen.iter_rows():
            sections[section].see(chain, target or "")


def placed(pieces: Sequence[pl.DataFrame], sections: Sequence[Section]) -> pl.DataFrame:
    """All rows, with family, table and place in the chain; a piece at a time, as large columns are dear to copy."""
    import polars as pl

    told = [(i, "ip6" if section.v6 else section.family or "ip", section.table) for i, section in enumerate(sections)]
    guessed = [(i, c, s.table_of(c)) for i, s in enumerate(sections) if not s.table for c in s.chains]
    where = _table(told, "family", "table_name"), _table(guessed, "chain", "guess")
    found = [piece.hstack(_where(piece, *where)) for piece in pieces]
    numbered = (piece.hstack([n]) for piece, n in zip(found, _numbers(found), strict=True))
    return pl.concat(p.drop("section", "is_rule") for p in numbered)


def _where(piece: pl.DataFrame, told: pl.DataFrame, guessed: pl.DataFrame) -> pl.DataFrame:
    """Family and table of each row: by the section, else by section and chain."""
    import polars as pl

    keys = piece.select("section", "chain").join(told, on="section", how="left", maintain_order="left")
    if len(guessed):
        keys = keys.join(guessed, on=["section", "chain"], how="left", maintain_order="left")
        keys = keys.with_columns(table_name=pl.coalesce("table_name", "guess"))
    return keys.select("family", "table_name")


def _numbers(pieces: Sequence[pl.DataFrame]) -> Iterator[pl.Series]:
    """For each piece the rows' places in their chains, from 1; 0 for declarations."""
    import polars as pl

    found = [stretches(piece.filter("is_rule").select(KEY)) for piece in pieces]
    places, ends = _first_places(pl.concat(found)), accumulate(map(len, found))
    for piece, part, end in zip(pieces, found, ends, strict=True):
        mine = places.slice(end - len(part), len(part))
        numbers = mine.select(pl.int_ranges("first", pl.col("first") + pl.col("count"), dtype=pl.Int32).explode())
        none = pl.zeros(len(piece), pl.Int32, eager=True).alias("rule_number")
        yield none.scatter(piece["is_rule"].arg_true(), numbers.to_series())


def _first_places(found: pl.DataFrame) -> pl.DataFrame:
    """Of stretches of rules, how many rules each is, and the place in the chain of its first."""
    import polars as pl

    again = found["chain"].is_duplicated()  # few are, and only those have rules before them
    before = found.filter(again).select((pl.col("count").cum_sum() - pl.col("count")).over(KEY) + 1).to_series()
    first = pl.ones(len(found), pl.Int64, eager=True).alias("first").scatter(again.arg_true(), before)
    return found.select("count", first)


def _table(rows: Sequence[tuple[object, ...]], *names: str) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(rows, schema={"section": pl.UInt32} | dict.fromkeys(names, pl.String), orient="row")
