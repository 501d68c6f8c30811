"""Lines of iptables-save that kube-proxy writes by the hundred thousand: all columns of many lines at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.grammar.kube_proxy_patterns import BARE_COMMENT, QUOTED_COMMENT

if TYPE_CHECKING:
    import polars as pl

COLUMNS = (
    *("place", "line_number", "text", "chain", "spec", "is_rule", "target", "comment"),
    *("protocol", "source", "destination", "packet_count", "byte_count"),
)
# What ends an option is the dash of the next one, and all letters are ASCII: one character always tells what comes, so
# the line is matched without going back, many times faster.
_COUNTERS = r"\[(?P<packet_count>[0-9]{1,18}):(?P<byte_count>[0-9]{1,18})\]"
_NAME = r"[!-#%-)+-;=?-z|~]+"  # $ * < > { } stand in for a name: `-A {{ chain }}`, `-A KUBE-SEP-***`
_ADDRESS = "[0-9a-f.:/]+"
_COMMENT = rf'comment --comment (?:"(?P<quoted>{QUOTED_COMMENT})"|(?P<word>{BARE_COMMENT}))'
_MODULE = r"tcp|udp|recent|s(?:ctp|tatistic --mode random --probability [0-9.]+)"
_OPTION = r"dport [0-9]+|se(?:t|conds [0-9]+)|r(?:check|eap|source)|name [!-~]+|mask [0-9a-f.:]+"
_RULE = (
    rf"^(?:{_COUNTERS} )?-A (?P<chain>{_NAME}) "
    rf"(?:! -s (?P<outside>{_ADDRESS}) -|-(?:s (?P<source>{_ADDRESS}) -)?)(?:d (?P<destination>{_ADDRESS}) -)?"
    rf"(?:p (?P<protocol>[a-z0-9]+) -)?(?:m (?:{_COMMENT}|{_MODULE}) -(?:m (?:{_MODULE}) -|-(?:{_OPTION}) -)*)?"
    r"j (?P<target>[0-9A-Za-z_-]+)(?P<more> --(?:to-destination [0-9a-f.:\[\]]+|reject-with [a-z0-9-]+))?$"
)
_CHAIN = rf"^(?::(?P<chain>{_NAME}) (?P<target>[A-Z-]+)(?: {_COUNTERS})?|-N (?P<new>{_NAME}))$"
_MOST_CUTS = 1000  # in a piece of a file; where each line is of other lengths, cutting them one by one takes too long


def plain_rules(whole: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rules as COLUMNS, the other lines), of columns place, line_number and text."""
    import polars as pl

    found = whole.with_columns(pl.col("text").str.extract_groups(_RULE).struct.unnest())
    plain = found.filter(pl.col("chain").is_not_null()).with_columns(
        pl.col("packet_count", "byte_count").cast(pl.Int64),
        before=pl.sum_horizontal(pl.col("packet_count", "byte_count").str.len_bytes() + 2) + 3,  # [p:b] and -A
        letters=pl.col("chain").str.len_bytes(),
        last=pl.when(pl.col("more").is_null()).then(pl.col("target").str.len_bytes()),
        is_rule=pl.lit(value=True),
        comment=pl.coalesce("quoted", "word"),
        source=pl.coalesce("source", pl.format("!{}", "outside")),
    )
    return _cut(plain).select(COLUMNS), found.filter(pl.col("chain").is_null()).select(whole.columns)


def _cut(rules: pl.DataFrame) -> pl.DataFrame:
    """The rules, out of order, their names and `spec` cut out of `text`: the same cut of many texts copies none."""
    import polars as pl

    text, lengths = pl.col("text").str, ["before", "letters", "last"]
    if rules.select(lengths).n_unique() > _MOST_CUTS:
        return rules.with_columns(spec=text.slice(pl.col("before") + pl.col("letters") + 1))
    cut = [rules.clear().with_columns(spec="chain")]
    for (before, letters, last), part in rules.partition_by(lengths, as_dict=True).items():
        names = {"chain": text.slice(before, letters), "spec": text.slice(before + letters + 1)}
        cut.append(part.with_columns(**names, target=text.tail(last) if last else "target"))
    return pl.concat(cut)


def plain_chains(whole: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(declarations as COLUMNS, the other lines), of columns place, line_number and text."""
    import polars as pl

    found = whole.with_columns(pl.col("text").str.extract_groups(_CHAIN).struct.unnest())
    chain, target = pl.coalesce("chain", "new"), pl.coalesce("target", pl.lit("-"))
    found = found.with_columns(chain=chain, target=target)
    nothing = dict.fromkeys(("comment", "protocol", "source", "destination"), pl.lit(None, pl.String))
    plain = found.filter(pl.col("chain").is_not_null()).with_columns(
        pl.col("packet_count", "byte_count").cast(pl.Int64),
        spec=pl.format(":{} {}", "chain", "target"),
        is_rule=pl.lit(value=False),
        **nothing,
    )
    return plain.select(COLUMNS), found.filter(pl.col("chain").is_null()).select(whole.columns)
