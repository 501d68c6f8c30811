"""The vectorised reader of iptables-save: the lines that kube-proxy writes by the hundred thousand, many at once.

A line that these two patterns do not match is read in another way, with the same row as result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.grammar.kube_proxy_patterns import BARE_COMMENT, QUOTED_COMMENT

if TYPE_CHECKING:
    import polars as pl

COLUMNS = (
    *("position", "line_number", "text", "chain", "spec", "is_rule", "target", "comment"),
    *("protocol", "source", "destination", "packet_count", "byte_count"),
)
# Each option ends with the dash of the next one, and all characters are ASCII: one character decides what follows.
# The regex needs no backtracking and is many times faster.
_COUNTERS = r"\[(?P<packet_count>[0-9]{1,18}):(?P<byte_count>[0-9]{1,18})\]"
_NAME = r"[!-#%-)+-;=?-z|~]+"  # without $ * < > { }: those are placeholders, as in `-A {{ chain }}`, `-A KUBE-SEP-***`
_ADDRESS = "[0-9a-f.:/]+"
_COMMENT = rf'comment --comment (?:"(?P<quoted>{QUOTED_COMMENT})"|(?P<word>{BARE_COMMENT}))'
_MODULE = r"tcp|udp|recent|s(?:ctp|tatistic --mode random --probability [0-9.]+)"
_OPTION = r"dport [0-9]+|se(?:t|conds [0-9]+)|r(?:check|eap|source)|name [!-~]+|mask [0-9a-f.:]+"
_RULE = (
    rf"^(?:{_COUNTERS} )?-A (?P<chain>{_NAME}) "
    rf"(?:! -s (?P<not_source>{_ADDRESS}) -|-(?:s (?P<source>{_ADDRESS}) -)?)(?:d (?P<destination>{_ADDRESS}) -)?"
    rf"(?:p (?P<protocol>[a-z0-9]+) -)?(?:m (?:{_COMMENT}|{_MODULE}) -(?:m (?:{_MODULE}) -|-(?:{_OPTION}) -)*)?"
    r"j (?P<target>[0-9A-Za-z_-]+)(?P<target_option> --(?:to-destination [0-9a-f.:\[\]]+|reject-with [a-z0-9-]+))?$"
)
_CHAIN = rf"^(?::(?P<chain>{_NAME}) (?P<target>[A-Z-]+)(?: {_COUNTERS})?|-N (?P<new>{_NAME}))$"
_MOST_SHAPES = 1000  # in a block of lines; beyond that, a slice per shape takes longer than a slice per line


def split_rules(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (rules as COLUMNS, the other lines), from columns position, line_number and text."""
    import polars as pl

    matched = lines.with_columns(pl.col("text").str.extract_groups(_RULE).struct.unnest())
    counters = pl.col("packet_count", "byte_count")
    rules = matched.filter(pl.col("chain").is_not_null()).with_columns(
        counters.cast(pl.Int64),
        chain_start=pl.sum_horizontal(counters.str.len_bytes() + 2) + 3,  # [p:b] and -A
        chain_length=pl.col("chain").str.len_bytes(),
        last_length=pl.when(pl.col("target_option").is_null()).then(pl.col("target").str.len_bytes()),
        is_rule=pl.lit(value=True),
        comment=pl.coalesce("quoted", "word"),
        source=pl.coalesce("source", pl.format("!{}", "not_source")),
    )
    return _slice_names(rules).select(COLUMNS), matched.filter(pl.col("chain").is_null()).select(lines.columns)


def _slice_names(rules: pl.DataFrame) -> pl.DataFrame:
    """Return the rules, in another order, with `spec`; chain, spec and target are slices of `text`.

    Lines of one shape have these at the same offsets. One slice of many texts shares their memory and copies nothing.
    """
    import polars as pl

    text, shape = pl.col("text").str, ["chain_start", "chain_length", "last_length"]
    if rules.select(shape).n_unique() > _MOST_SHAPES:
        return rules.with_columns(spec=text.slice(pl.col("chain_start") + pl.col("chain_length") + 1))
    sliced = [rules.clear().with_columns(spec="chain")]
    for (start, length, last), same_shape in rules.partition_by(shape, as_dict=True).items():
        names = {"chain": text.slice(start, length), "spec": text.slice(start + length + 1)}
        sliced.append(same_shape.with_columns(**names, target=text.tail(last) if last else "target"))
    return pl.concat(sliced)


def split_chains(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (declarations of chains as COLUMNS, the other lines), from columns position, line_number and text."""
    import polars as pl

    matched = lines.with_columns(pl.col("text").str.extract_groups(_CHAIN).struct.unnest())
    matched = matched.with_columns(chain=pl.coalesce("chain", "new"), target=pl.coalesce("target", pl.lit("-")))
    absent = dict.fromkeys(("comment", "protocol", "source", "destination"), pl.lit(None, pl.String))
    chains = matched.filter(pl.col("chain").is_not_null()).with_columns(
        pl.col("packet_count", "byte_count").cast(pl.Int64),
        spec=pl.format(":{} {}", "chain", "target"),
        is_rule=pl.lit(value=False),
        **absent,
    )
    return chains.select(COLUMNS), matched.filter(pl.col("chain").is_null()).select(lines.columns)
