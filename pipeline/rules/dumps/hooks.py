"""Where the kernel enters the rules: the base chains of each hook, by priority, for iptables and nft.

Example: nat PREROUTING is a base chain of the hook `prerouting` with priority -100. In nft the declaration of a chain,
`type nat hook prerouting priority dstnat`, contains the same facts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.dumps.chain_index import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from pipeline.rules.dumps.chain_index import ChainIndex

    Declaration = tuple[str, str, str, str]  # family, table, chain and spec

_TABLES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
VIRTUAL_SERVERS = "VIRTUAL-SERVERS"
_HOOKS = {name: name.lower() for name in ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")}
_DECLARATION = re.compile(
    r"type (\w+) hook (\w+)(?: device \S+)? priority (-?\w+)(?: ([+-]) (\d+))?(?:; policy (\w+))?"
)
# The chains that kube-proxy adds to each hook: enough to enter a dump that shows only its own chains.
_ASSUMED = {
    ("nat", "prerouting"): ("KUBE-SERVICES",),
    ("nat", "output"): ("KUBE-SERVICES",),
    ("nat", "postrouting"): ("KUBE-POSTROUTING",),
    ("filter", "input"): ("KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL"),
    ("filter", "forward"): ("KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL"),
    ("filter", "output"): ("KUBE-SERVICES", "KUBE-PROXY-FIREWALL"),
}
_ENTRY_CHAINS = frozenset({*_HOOKS, VIRTUAL_SERVERS}.union(*_ASSUMED.values()))


@dataclass(frozen=True, slots=True, order=True)
class BaseChain:
    """A chain that the kernel enters; `shown` is False if the dump has only the chains that it jumps to."""

    priority: int
    table: str
    chain: str
    nat: bool
    policy: str = "accept"
    shown: bool = True


def base_chains(rows: pl.DataFrame, index: ChainIndex) -> dict[str, dict[str, list[BaseChain]]]:
    """The base chains of each family and hook, sorted by priority, from rows of the table `rules`."""
    declarations = _nft_declarations(rows)
    return {family: _by_hook(family, rows["target"], index, declarations) for family in ("ip", "ip6")}


def _nft_declarations(rows: pl.DataFrame) -> Sequence[Declaration]:
    import polars as pl

    typed = (pl.col("rule_number") == 0) & pl.col("spec").str.contains("type ", literal=True)
    return rows.select(*KEY, "spec", "rule_number").filter(typed).drop("rule_number").rows()


def _by_hook(
    family: str, targets: pl.Series, index: ChainIndex, declarations: Sequence[Declaration]
) -> dict[str, list[BaseChain]]:
    chains: dict[str, list[BaseChain]] = defaultdict(list)
    for table_family, table in index.tables:
        if table_family in (family, "inet"):
            specs = {chain: spec for f, t, chain, spec in declarations if (f, t) == (table_family, table)}
            for hook, base in _base_chains(table_family, table, specs, targets, index):
                chains[hook].append(base)
    return {hook: sorted(bases) for hook, bases in chains.items()}


def _base_chains(
    family: str, table: str, specs: dict[str, str], targets: pl.Series, index: ChainIndex
) -> Iterable[tuple[str, BaseChain]]:
    """Hook and base chain of each chain of one table that the kernel enters; `specs` has nft's declarations."""
    shown = {chain for chain in _ENTRY_CHAINS | specs.keys() if index.rules(family, table, chain) is not None}
    for chain in shown:
        row = index.declaration(family, table, chain)
        policy = "accept" if row is None else str(targets[row] or "accept")
        yield from _declared(table, chain, specs.get(chain, "")) or _builtin(table, chain, policy)
    if not any(spec.startswith("type ") for spec in specs.values()):
        yield from _assumed(table, shown)


def _builtin(table: str, chain: str, policy: str) -> list[tuple[str, BaseChain]]:
    """The hooks of an iptables chain with a built-in name, or of IPVS."""
    if table == "ipvs" and chain == VIRTUAL_SERVERS:
        after_nat = _TABLES["nat"] + 1  # IPVS runs after the nat table, whose rules mark packets to masquerade
        return [(hook, BaseChain(after_nat, table, chain, nat=True)) for hook in ("prerouting", "output")]
    if table not in _TABLES or chain not in _HOOKS:
        return []
    late = table == "nat" and chain in ("INPUT", "POSTROUTING")
    priority = 100 if late else _TABLES[table]
    return [(_HOOKS[chain], BaseChain(priority, table, chain, table == "nat", policy.lower()))]


def _declared(table: str, chain: str, spec: str) -> list[tuple[str, BaseChain]]:
    """The hook of an nft chain, from its declaration."""
    if not (declaration := _DECLARATION.search(spec)):
        return []
    kind, hook, word, sign, offset, policy = declaration.groups()
    base = _PRIORITIES[word] if word in _PRIORITIES else int(word) if word.lstrip("-").isdigit() else 0
    priority = base + int(f"{sign}{offset}") if sign else base
    return [(hook, BaseChain(priority, table, chain, kind == "nat", policy or "accept"))]


def _assumed(table: str, shown: set[str]) -> list[tuple[str, BaseChain]]:
    """Base chains to assume in an iptables table if the dump leaves its built-in chains out."""
    bases = []
    for (name, hook), chains in _ASSUMED.items():
        if name == table and hook.upper() not in shown:
            priority = 100 if hook == "postrouting" else _TABLES[table]
            bases += [(hook, BaseChain(priority, table, c, table == "nat", shown=False)) for c in chains if c in shown]
    return bases
