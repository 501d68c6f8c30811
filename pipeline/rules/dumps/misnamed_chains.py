"""Finds chains whose names do not fit their rules: kube-proxy names a chain by a hash of its service and protocol.

Example: the rule for `default/web:http cluster IP` with tcp jumps to a KUBE-SVC chain whose letters are not the hash of
`default/web:httptcp`. Somebody edited the rules, or they come from two dumps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.grammar.chain_names import (
    ENTRY_CHAINS,
    SERVICE_CHAIN,
    chain_hashes,
    endpoint_hashes,
    is_hash_of,
    nft_hash,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

_ENDPOINT = r"^KUBE-SEP-([A-Z2-7]{16})$"
_NFT = r"^(?:service|local|external|firewall|endpoint|affinity)-([A-Z2-7]{8})-([^/]+/[^/]+/[^/]+/.*)$"
_SERVICE_COMMENT = r"^([a-z0-9-]+/[a-z0-9.-]+)(?::([a-z0-9-]*))?(?: (?:cluster|loadbalancer|external) IP)?$"
_PROTOCOL = r"(?:^| )-p (\w+)"
_TO = r"-j DNAT --to-destination ((?:\[[^\]]+\]|[\d.]+):[1-9]\d*)(?: |$)"
_RULES_AT_ONCE = 1 << 14  # bounds the memory: the extracted parts are larger than the rules


def misnamed(rows: pl.DataFrame) -> list[tuple[int, str]]:
    """(row, message) of each chain whose name does not fit the service, protocol and endpoint in its rules."""
    rows = rows.with_row_index("row")
    first_by_name = dict[str, tuple[int, str]]()
    for row, name, message in sorted([*_misnamed_nft(rows), *_misnamed_iptables(rows)]):
        first_by_name.setdefault(name, (row, message))
    return list(first_by_name.values())


def _misnamed_nft(rows: pl.DataFrame) -> Iterable[tuple[int, str, str]]:
    import polars as pl

    chain = pl.col("chain")
    named = rows.filter(pl.col("rule_number").eq_missing(0) & chain.str.contains(_NFT) & ~chain.str.ends_with("..."))
    parts = named.select("row", "chain", letters=_part(chain, _NFT), hashed=_part(chain, _NFT, 2))
    for row, name, letters, hashed in parts.iter_rows():
        if letters != nft_hash(hashed):
            yield row, name, _message(name, hashed, nft_hash(hashed))


def _misnamed_iptables(rows: pl.DataFrame) -> Iterable[tuple[int, str, str]]:
    """Chains in jumps from KUBE-SERVICES and KUBE-NODEPORTS, and chains with a DNAT rule: both have a comment."""
    import polars as pl

    if "comment" not in rows.columns:
        return
    is_entry = pl.col("chain").is_in(ENTRY_CHAINS)
    rules = rows.select("row", "rule_number", "chain", "target", "spec", "comment")
    rules = rules.filter((is_entry | (pl.col("target") == "DNAT")) & (pl.col("rule_number") != 0))
    for part in rules.iter_slices(_RULES_AT_ONCE):
        # without rechunk, polars 2.1 cannot concatenate texts if the first chunk of a column is empty
        yield from _with_other_hash(_hash_inputs(part.rechunk()))


def _hash_inputs(rules: pl.DataFrame) -> pl.DataFrame:
    """Chain, letters of its name, and what kube-proxy hashes, of each rule that has all of these."""
    import polars as pl

    spec, comment, chain, target = (pl.col(name) for name in ("spec", "comment", "chain", "target"))
    is_entry = chain.is_in(ENTRY_CHAINS)
    return rules.select(
        "row",
        name=pl.when(is_entry).then(target).otherwise(chain),
        letters=pl.when(is_entry).then(_part(target, SERVICE_CHAIN)).otherwise(_part(chain, _ENDPOINT)),
        service=_part(comment, _SERVICE_COMMENT),
        port=_part(comment, _SERVICE_COMMENT, 2).fill_null(""),
        protocol=_part(spec, _PROTOCOL),
        to=pl.when(is_entry).then(pl.lit("")).otherwise(_part(spec, _TO)),
        comment=comment,
    ).drop_nulls()


def _with_other_hash(chains: pl.DataFrame) -> Iterable[tuple[int, str, str]]:
    for row, name, letters, service, port, protocol, to, comment in _not_current(chains).iter_rows():
        hashes = endpoint_hashes(service, port, protocol, to) if to else chain_hashes(service, port, protocol)
        if letters not in hashes:
            yield row, name, _message(name, f"{comment} at {to}" if to else comment, hashes[0])


def _not_current(chains: pl.DataFrame) -> pl.DataFrame:
    """The chains that current releases would name otherwise: few, so only these are compared one by one."""
    import polars as pl

    port_name = pl.when(pl.col("port") == "").then(pl.lit("")).otherwise(pl.format(":{}", "port"))
    text = chains.select(pl.concat_str("service", port_name, pl.col("protocol").str.to_lowercase(), "to")).to_series()
    is_current = map(is_hash_of, chains["letters"].to_list(), text.to_list())
    return chains.filter(~pl.Series(is_current, dtype=pl.Boolean))


def _part(column: pl.Expr, pattern: str, group: int = 1) -> pl.Expr:
    return column.str.extract(pattern, group)


def _message(chain: str, service: str, expected: str) -> str:
    return f"chain {chain} is said to be for {service}, for which kube-proxy writes {expected}"
