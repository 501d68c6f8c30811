"""Chains whose names are not what kube-proxy would call them: it names a chain by a hash of what the chain is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.grammar.chain_names import chain_hashes, endpoint_hashes, is_hash_of, nft_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

_FRONT = ("KUBE-SERVICES", "KUBE-NODEPORTS")
_SERVICE = r"^KUBE-(?:SVC|SVL|EXT|FW|XLB)-([A-Z2-7]{16})$"
_ENDPOINT = r"^KUBE-SEP-([A-Z2-7]{16})$"
_NFT = r"^(?:service|local|external|firewall|endpoint|affinity)-([A-Z2-7]{8})-([^/]+/[^/]+/[^/]+/.*)$"
_WORDS = r"^([a-z0-9-]+/[a-z0-9.-]+)(?::([a-z0-9-]*))?(?: (?:cluster|loadbalancer|external) IP)?$"
_PROTOCOL = r"(?:^| )-p (\w+)"
_TO = r"-j DNAT --to-destination ((?:\[[^\]]+\]|[\d.]+):[1-9]\d*)(?: |$)"
_PIECE = 1 << 14  # rules read at once: what is taken out of them is larger than they are


def misnamed(rows: pl.DataFrame) -> list[tuple[int, str]]:
    """(row, what was found) of each chain whose name disagrees with what its rules say it is for."""
    rows = rows.with_row_index("row")
    found = dict[str, tuple[int, str]]()
    for row, name, message in sorted([*_of_nft(rows), *_of_iptables(rows)]):
        found.setdefault(name, (row, message))
    return list(found.values())


def _of_nft(rows: pl.DataFrame) -> Iterable[tuple[int, str, str]]:
    import polars as pl

    chain = pl.col("chain")
    named = rows.filter(pl.col("rule_number").eq_missing(0) & chain.str.contains(_NFT) & ~chain.str.ends_with("..."))
    parts = named.select("row", "chain", said=_part(chain, _NFT), what=_part(chain, _NFT, 2))
    for row, name, said, what in parts.iter_rows():
        if said != nft_hash(what):
            yield row, name, _differs(name, what, nft_hash(what))


def _of_iptables(rows: pl.DataFrame) -> Iterable[tuple[int, str, str]]:
    """A rule at the front names a service's chain, one that translates stands in an endpoint's; both say whose."""
    import polars as pl

    if "comment" not in rows.columns:
        return
    front = pl.col("chain").is_in(_FRONT)
    rules = rows.select("row", "rule_number", "chain", "target", "spec", "comment")
    rules = rules.filter((front | (pl.col("target") == "DNAT")) & (pl.col("rule_number") != 0))
    for part in rules.iter_slices(_PIECE):
        yield from _differing(_told(part.rechunk()))  # polars 2.1 joins no texts where a column's first chunk is empty


def _told(rules: pl.DataFrame) -> pl.DataFrame:
    """What rules say of a chain, those that say all of it: whose it is, where it leads, the letters of its name."""
    import polars as pl

    spec, comment, front = pl.col("spec"), pl.col("comment"), pl.col("chain").is_in(_FRONT)
    return rules.select(
        "row",
        name=pl.when(front).then("target").otherwise("chain"),
        letters=pl.when(front).then(_part(pl.col("target"), _SERVICE)).otherwise(_part(pl.col("chain"), _ENDPOINT)),
        service=_part(comment, _WORDS),
        port=_part(comment, _WORDS, 2).fill_null(""),
        protocol=_part(spec, _PROTOCOL),
        to=pl.when(front).then(pl.lit("")).otherwise(_part(spec, _TO)),
        whole=comment,
    ).drop_nulls()


def _differing(told: pl.DataFrame) -> Iterable[tuple[int, str, str]]:
    for row, name, letters, service, port, protocol, to, whole in _unusual(told).iter_rows():
        hashes = endpoint_hashes(service, port, protocol, to) if to else chain_hashes(service, port, protocol)
        if letters not in hashes:
            yield row, name, _differs(name, f"{whole} at {to}" if to else whole, hashes[0])


def _unusual(told: pl.DataFrame) -> pl.DataFrame:
    """The chains that are not named as today's releases would: few, so that only they are looked at one by one."""
    import polars as pl

    port_name = pl.when(pl.col("port") == "").then(pl.lit("")).otherwise(pl.format(":{}", "port"))
    text = told.select(pl.concat_str("service", port_name, pl.col("protocol").str.to_lowercase(), "to")).to_series()
    usual = map(is_hash_of, told["letters"].to_list(), text.to_list())
    return told.filter(~pl.Series(usual, dtype=pl.Boolean))


def _part(column: pl.Expr, pattern: str, group: int = 1) -> pl.Expr:
    return column.str.extract(pattern, group)


def _differs(chain: str, what: str, expected: str) -> str:
    return f"chain {chain} is said to be for {what}, for which kube-proxy writes {expected}"
